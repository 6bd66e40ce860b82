import { abortFault, Fault, sleep } from '@virtmesh/base';
import type { HostCgroups } from '@virtmesh/driver-spi';

const firstLookMs = 1;
const longestLookMs = 50;

/** Stops or continues all that runs in a group; resolves when it has. One that is given up can come to its end later. STATE_INVALID where the group is gone. */
export async function setFrozen(cgroups: HostCgroups, group: string, frozen: boolean, signal: AbortSignal): Promise<void> {
  if (signal.aborted) throw abortFault(signal);
  await writeFrozen(cgroups, group, frozen);
  // Only version 2 tells when it is done, and both are done within milliseconds.
  for (let pauseMs = firstLookMs; ; pauseMs = Math.min(pauseMs * 2, longestLookMs)) {
    const seen = await isFrozen(cgroups, group);
    if (seen === frozen) return;
    if (seen === undefined) throw gone();
    // Version 1 tries again only when it is told to.
    if (frozen && cgroups.version('freezer') === 1) await writeFrozen(cgroups, group, frozen);
    await sleep(pauseMs, signal);
  }
}

async function writeFrozen(cgroups: HostCgroups, group: string, frozen: boolean): Promise<void> {
  try {
    if (cgroups.version('freezer') === 1) await cgroups.write('freezer', group, 'freezer.state', frozen ? 'FROZEN' : 'THAWED');
    else await cgroups.write('memory', group, 'cgroup.freeze', frozen ? '1' : '0');
  } catch (thrown) {
    throw thrown instanceof Error && 'code' in thrown && (thrown.code === 'ENOENT' || thrown.code === 'ENODEV') ? gone() : thrown;
  }
}

/** Lets what was killed end: what is frozen by version 1, or about to be, heeds not even that. */
export async function letDie(cgroups: HostCgroups, group: string): Promise<void> {
  if (cgroups.version('freezer') !== 1) return;
  const state = await cgroups.read('freezer', group, 'freezer.state').catch(() => 'unknown');
  if (state === undefined || state.trim() === 'THAWED') return;
  await cgroups.write('freezer', group, 'freezer.state', 'THAWED').catch(() => {});
}

const gone = (): Fault => new Fault('STATE_INVALID', 'the container has ended meanwhile', { state: 'shutoff', allowed: 'running' });

/** Whether all that runs in a group is stopped; undefined where there is no such group. */
export async function isFrozen(cgroups: HostCgroups, group: string): Promise<boolean | undefined> {
  if (cgroups.version('freezer') === 1) {
    const state = await cgroups.read('freezer', group, 'freezer.state');
    return state === undefined ? undefined : state.trim() === 'FROZEN';
  }
  const events = await cgroups.read('memory', group, 'cgroup.events');
  return events === undefined ? undefined : /^frozen 1$/m.test(events);
}
