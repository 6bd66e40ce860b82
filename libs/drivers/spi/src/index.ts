export type { DriverEvent } from './events.ts';
export { type ConsoleInput, type Consoles, noSuchConsole } from './features/console.ts';
export type { Picture, Screenshot, SendKeys } from './features/display.ts';
export type { Dump } from './features/dump.ts';
export type { Exec, ExecEnd, ExecOrder, ExecSession, Terminal } from './features/exec.ts';
export type { Addresses, Freeze, GuestInfo } from './features/guest-info.ts';
export type { DeviceChange, DeviceOrder, DevicePlan, Hotplug } from './features/hotplug.ts';
export type { LiveUpdate } from './features/live-update.ts';
export type { Reboot } from './features/reboot.ts';
export type { ResizeDisk } from './features/resize-disk.ts';
export type { Progress, SavedState, Sink } from './features/saved-state.ts';
export type { GuestStats, Stats } from './features/stats.ts';
export type { Suspend } from './features/suspend.ts';
export type { Verdict } from './features/verdict.ts';
export { type FeatureName, featureNames, type Features, featureWords } from './features.ts';
export {
  goneGuest,
  type GuestRef,
  type Json,
  type Observed,
  type ObservedState,
  type RuntimeRecord,
  type Started,
  type StartOrder,
  type StartPlan,
} from './guest.ts';
export type { HostSupport, HypervisorDriver, Lifecycle } from './hypervisor.ts';
export type { Host } from './host.ts';
export type { HostCgroups } from './host/cgroups.ts';
export type { DeviceNumbers, FileKind, FileOwner, FileStat, HostFiles, OpenFile } from './host/files.ts';
export type { HostFacts, HostInfo } from './host/info.ts';
export type { HostMounts, MountOrder } from './host/mounts.ts';
export type { HostNetwork, InnerInterface, InterfaceCounters, InterfaceLook, Neighbour, TapOrder, VethOrder } from './host/network.ts';
export type {
  ChildDescriptor,
  CommandResult,
  ExitStatus,
  HostProcesses,
  ProcessIdentity,
  ProcessLook,
  RunOptions,
  Signal,
  SpawnOrder,
  SpawnedProcess,
  TerminalOrder,
  TerminalProcess,
} from './host/processes.ts';
export type { HostRunFiles } from './host/run-files.ts';
export type { Fifo, HostSockets, Intake, ListeningSocket, OneConnection, Pipe } from './host/sockets.ts';
export { pathViolations } from './path-rules.ts';
export { domainSpecShape, type Field, type FieldShape, type MessageShape } from './spec-descriptor.ts';
export { type DeviceRef, devicesOf, nameDevices } from './spec-devices.ts';
export {
  type AnyDevice,
  deviceKinds,
  type DeviceKind,
  deviceListPath,
  devicesOfKind,
  findDevice,
  withDevice,
  withoutDevice,
} from './spec-pluggable-devices.ts';
export { overlongLists, refuseUndriven, type SetField, setFields, specLeafFields } from './spec-fields.ts';
export { differAt, fieldsAt, leafPaths, mergePaths } from './spec-paths.ts';
export { genericViolations } from './spec-rules.ts';
