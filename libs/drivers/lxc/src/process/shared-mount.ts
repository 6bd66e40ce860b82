import type { Host } from '@virtmesh/driver-spi';
import type { DriverDirectories } from '@virtmesh/driver-support';
import { sharedDir } from './places.ts';

const leavingMs = 5000;
/** It holds mount points, and what LXC says of each container. */
const size = '16m';

/**
 * The mount whose parts running containers see, so that file systems can be brought into them. It is made for the first
 * container, outlives the agent as containers do, and goes with an agent that has none.
 */
export class SharedMount {
  readonly #host: Host;
  readonly #directory: string;
  #made: Promise<void> | undefined;

  constructor(host: Host, directories: DriverDirectories) {
    this.#host = host;
    this.#directory = sharedDir(directories);
  }

  /** Resolves when it is there. */
  ensure(signal: AbortSignal): Promise<void> {
    this.#made ??= this.#make(signal).catch((thrown: unknown) => {
      this.#made = undefined;
      throw thrown;
    });
    return this.#made;
  }

  /** Removes it where no container has a part of it. */
  async leave(): Promise<void> {
    const { files, mounts } = this.#host;
    const parts = await files.list(this.#directory).catch(() => undefined);
    if (parts === undefined || parts.length > 0) return;
    await mounts.unmountBelow(this.#directory, AbortSignal.timeout(leavingMs));
    await files.remove(this.#directory);
  }

  async #make(signal: AbortSignal): Promise<void> {
    const { files, mounts } = this.#host;
    await files.makeDirectory(this.#directory, { mode: 0o711 });
    if ((await mounts.below(this.#directory)).includes(this.#directory)) return;
    await mounts.mount(
      { source: 'none', target: this.#directory, type: 'tmpfs', options: ['mode=0711', `size=${size}`], shared: true },
      signal,
    );
  }
}
