export { type FollowedGuest, type GuestEntry, GuestTable, type PreemptibleStart } from './guest-table.ts';
export { interfaceStats } from './interface-stats.ts';
export { Preemption } from './preemption.ts';
