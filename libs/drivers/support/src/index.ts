export { type CircularLog, logTail, rewind } from './circular-log/files.ts';
export { type LogBounds, logKeeperProgram, startLogKeeper } from './circular-log/keeper.ts';
export { readLog } from './circular-log/read-log.ts';
export {
  domainsDir,
  type DriverDirectories,
  fileNamePart,
  type GuestDirectories,
  guestDirectories,
  trueRoots,
} from './guest-directories.ts';
export { type FollowedGuest, type GuestEntry, GuestTable, type PreemptibleStart } from './guest-table.ts';
export { interfaceStats } from './interface-stats.ts';
export { Preemption } from './preemption.ts';
