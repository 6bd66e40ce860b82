import type { ProcessIdentity } from '@virtmesh/driver-spi';
import type { DriverContext } from '../context.ts';
import type { GuestPlaces } from '../process/places.ts';
import { pidFileArguments } from './start/spawn.ts';

/** The guest's process: the one that was noted, or the one that was spawned just before the agent died. */
export async function findProcess(
  { host, binary }: Pick<DriverContext, 'host' | 'binary'>,
  places: GuestPlaces,
  noted: ProcessIdentity | undefined,
): Promise<ProcessIdentity | undefined> {
  if (noted) return host.processes.look(noted) && noted;
  const [option, path] = pidFileArguments(places);
  // An upgrade may have changed the path of the program, but not its name's beginning.
  const found = await host.processes.find((line) => line[line.indexOf(option) + 1] === path && isQemu(line[0] ?? '', binary.path));
  return found[0];
}

const isQemu = (program: string, known: string): boolean => program === known || /(?:^|\/)(?:qemu-system-[^/]+|qemu-kvm)$/.test(program);
