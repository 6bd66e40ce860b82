import { join } from 'node:path';
import { runCommand } from '@virtmesh/tools/run-command';
import { makeContainerRoot } from '../support/container-root.ts';
import { mebibyte } from '../support/domain-specs.ts';
import { makeDisk } from '../support/guest-image.ts';

/** What there is on the node for guests; one that runs takes something of each kind that its driver knows. */
export interface Places {
  readonly disk: string;
  /** A disk that no guest has by itself. */
  readonly spareDisk: string;
  /** A directory with the files of a container. */
  readonly root: string;
  readonly bridge: string;
}

export const placesIn = (directory: string, bridge: string): Places => ({
  disk: join(directory, 'disk.raw'),
  spareDisk: join(directory, 'spare.raw'),
  root: join(directory, 'root'),
  bridge,
});

export async function makePlaces({ bridge, disk, root, spareDisk }: Places): Promise<void> {
  await runCommand(['ip', 'link', 'add', bridge, 'type', 'bridge']);
  for (const path of [disk, spareDisk]) await makeDisk(path, mebibyte, 'raw');
  await makeContainerRoot(root);
}

/** Removes what does not go with the directory. */
export async function removePlaces({ bridge }: Places): Promise<void> {
  await runCommand(['ip', 'link', 'delete', bridge]);
}
