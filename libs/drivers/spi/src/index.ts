export type { DriverEvent } from './events.ts';
export type { ConsoleInput, Consoles, FeatureName, Features, GuestStats, LiveUpdate, Reboot, Stats, Suspend, Verdict } from './features.ts';
export { featureNames } from './features.ts';
export type { GuestRef, Json, Observed, ObservedState, RuntimeRecord, Started, StartOrder, StartPlan } from './guest.ts';
export type { HostSupport, HypervisorDriver, Lifecycle } from './hypervisor.ts';
export type {
  ChildDescriptor,
  CommandResult,
  ExitStatus,
  FileKind,
  FileOwner,
  FileStat,
  Host,
  HostCgroups,
  HostFacts,
  HostFiles,
  HostInfo,
  HostNetwork,
  HostProcesses,
  HostSockets,
  InterfaceCounters,
  ListeningSocket,
  OpenFile,
  Pipe,
  ProcessIdentity,
  ProcessLook,
  Signal,
  SpawnedProcess,
  SpawnOrder,
  TapOrder,
} from './host.ts';
export { domainSpecShape, type Field, type FieldShape, type MessageShape } from './spec-descriptor.ts';
export { type DeviceRef, devicesOf, nameDevices } from './spec-devices.ts';
export { overlongLists, refuseUndriven, type SetField, setFields, specLeafFields } from './spec-fields.ts';
export { genericViolations } from './spec-rules.ts';
