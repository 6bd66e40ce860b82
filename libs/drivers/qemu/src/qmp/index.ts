export { QmpClient, type QmpOptions } from './client.ts';
export type { AnswerOf, ArgumentsOf, BlockStatsAnswer, BlockThrottleArguments, QmpCommand, RunState } from './commands.ts';
export type { QmpEvent, QmpEventData, ShutdownCause } from './events.ts';
