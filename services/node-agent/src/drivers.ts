import { Fault } from '@virtmesh/base';
import { createLxcDriver } from '@virtmesh/driver-lxc';
import { createQemuDriver } from '@virtmesh/driver-qemu';
import type { Host, HypervisorDriver } from '@virtmesh/driver-spi';
import { createTestDriver } from '@virtmesh/driver-test';
import type { Logger } from '@virtmesh/kit';
import type { AgentConfig } from './config.ts';
import { Drivers, type DriverSlot } from './domains/drivers.ts';

/** The hypervisor drivers of this agent: the one place that names them. One that cannot be used here says why. */
export async function openDrivers(config: AgentConfig, host: Host, log: Logger, signal: AbortSignal): Promise<Drivers> {
  const { accelerator, binary, consoleLog, guestUids, vncPorts } = config.qemu;
  const qemu = open('qemu', log, () =>
    createQemuDriver({
      host,
      runDir: config.runDir,
      stateDir: config.stateDir,
      cacheDir: config.cacheDir,
      pathRoots: config.pathRoots,
      guestUids,
      vncPorts,
      consoleLog,
      accelerator,
      ...(binary ? { binary } : {}),
      signal,
    }),
  );
  const lxc = open('lxc', log, () =>
    createLxcDriver({
      host,
      runDir: config.runDir,
      stateDir: config.stateDir,
      pathRoots: config.pathRoots,
      hostDevices: config.hostDevices,
      consoleLog: config.lxc.consoleLog,
      signal,
    }),
  );
  const simulated = config.test;
  const test = simulated
    ? [open('test', log, async () => createTestDriver({ host, runDir: config.runDir, node: process.execPath, settings: simulated }))]
    : [];
  return new Drivers([await qemu, await lxc, ...(await Promise.all(test))]);
}

async function open(type: string, log: Logger, create: () => Promise<HypervisorDriver>): Promise<DriverSlot> {
  try {
    return { type, driver: await create() };
  } catch (thrown) {
    const fault = Fault.from(thrown);
    log.warn({ driver: type, err: fault }, 'the driver cannot be used on this host');
    return { type, why: fault.message };
  }
}
