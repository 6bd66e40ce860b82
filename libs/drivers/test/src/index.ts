export { connectControl, type SimulatorControl } from './control/control.ts';
export { createTestDriver } from './driver.ts';
export { drivenFields } from './spec/drives.ts';
export type { TestDriverOptions } from './options.ts';
export type { FaultEffect, GuestAct, InjectedFault, PlantedFault } from './protocol/faults.ts';
export type { Latencies, Latency, SimulatorSettings } from './protocol/settings.ts';
