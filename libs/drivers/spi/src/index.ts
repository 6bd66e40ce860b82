export type { DriverEvent } from './events.ts';
export type { ConsoleInput, Consoles, FeatureName, Features, GuestStats, LiveUpdate, Reboot, Stats, Suspend, Verdict } from './features.ts';
export { featureNames } from './features.ts';
export type { GuestRef, Json, Observed, ObservedState, RuntimeRecord, Started, StartOrder, StartPlan } from './guest.ts';
export type { HostSupport, HypervisorDriver, Lifecycle } from './hypervisor.ts';
