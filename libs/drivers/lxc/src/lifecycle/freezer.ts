import { abortFault, sleep } from '@virtmesh/base';
import type { HostCgroups } from '@virtmesh/driver-spi';

const firstLookMs = 1;
const longestLookMs = 50;

/** Stops or continues all that runs in a group; resolves when it has. */
export async function setFrozen(cgroups: HostCgroups, group: string, frozen: boolean, signal: AbortSignal): Promise<void> {
  if (signal.aborted) throw abortFault(signal);
  if (cgroups.version('freezer') === 1) await cgroups.write('freezer', group, 'freezer.state', frozen ? 'FROZEN' : 'THAWED');
  else await cgroups.write('memory', group, 'cgroup.freeze', frozen ? '1' : '0');
  // Only version 2 tells when it is done, and both are done within milliseconds.
  for (let pauseMs = firstLookMs; (await isFrozen(cgroups, group)) !== frozen; pauseMs = Math.min(pauseMs * 2, longestLookMs)) {
    if (frozen && cgroups.version('freezer') === 1) await cgroups.write('freezer', group, 'freezer.state', 'FROZEN');
    await sleep(pauseMs, signal);
  }
}

/** Whether all that runs in a group is stopped; undefined where there is no such group. */
export async function isFrozen(cgroups: HostCgroups, group: string): Promise<boolean | undefined> {
  if (cgroups.version('freezer') === 1) {
    const state = await cgroups.read('freezer', group, 'freezer.state');
    return state === undefined ? undefined : state.trim() === 'FROZEN';
  }
  const events = await cgroups.read('memory', group, 'cgroup.events');
  return events === undefined ? undefined : /^frozen 1$/m.test(events);
}
