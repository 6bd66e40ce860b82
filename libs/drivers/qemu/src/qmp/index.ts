export { QmpClient, type QmpOptions } from './client.ts';
export type {
  AnswerOf,
  ArgumentsOf,
  BlockAnswer,
  BlockStatsAnswer,
  BlockThrottleArguments,
  HotpluggableCpu,
  PciDevice,
  QmpCommand,
  RunState,
} from './commands.ts';
export type { QmpEvent, QmpEventData, MigrationStatus, ShutdownCause } from './events.ts';
