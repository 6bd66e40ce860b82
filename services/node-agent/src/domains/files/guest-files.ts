import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, realpath, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Fault } from '@virtmesh/base';
import { pathViolations } from '@virtmesh/driver-spi';
import { taken, told } from './file-fault.ts';
import { codeOf, OpenDirectory } from './open-directory.ts';
import { PartialFile, partialName } from './partial-file.ts';

const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;

/** A file that is to be made. */
export type FileTarget =
  /** Where a caller wants it. */
  | { readonly t: 'path'; readonly path: string }
  /** With the agent: the state of a domain that its next start takes up. */
  | { readonly t: 'managed'; readonly uid: string };

/** The files that the agent itself makes of guests and reads again: saved states and dumps. */
export class GuestFiles {
  readonly #roots: readonly string[];
  readonly #managed: string;

  /** `roots` are the directories below which callers may name files; `stateDir` is the agent's own. */
  constructor({ roots, stateDir }: { readonly roots: readonly string[]; readonly stateDir: string }) {
    this.#roots = roots;
    this.#managed = join(stateDir, 'saved');
  }

  pathOf(target: FileTarget): string {
    return target.t === 'path' ? target.path : join(this.#managed, target.uid);
  }

  /** Refuses a path at which no file can be made: misformed, outside the allowed roots, or taken. Nothing is touched. */
  async checkFree(path: string): Promise<void> {
    await using directory = await this.#directoryOf(path);
    if ((await directory.identify(basename(path))) !== undefined) throw taken(path);
  }

  /** Begins a file beside its name. */
  async create(target: FileTarget, operation: string): Promise<PartialFile> {
    const path = this.pathOf(target);
    const directory = await this.#open(target);
    try {
      return await PartialFile.create(directory, { path, name: basename(path), operation, replaces: target.t === 'managed' });
    } catch (thrown) {
      await directory[Symbol.asyncDispose]();
      throw told(thrown, path);
    }
  }

  /** Device and inode of what has the name; undefined where there is nothing. */
  async identify(target: FileTarget): Promise<string | undefined> {
    return this.#within(target, (directory, name) => directory.identify(name));
  }

  /** How long a file is; 0 where there is none. */
  async sizeOf(target: FileTarget): Promise<number> {
    return (await this.#within(target, (directory, name) => directory.sizeOf(name))) ?? 0;
  }

  /** Removes what an operation has begun of a file, and the file itself where it is the one with that identity. */
  async discard(target: FileTarget, operation: string, identity?: string): Promise<void> {
    await this.#within(target, async (directory, name) => {
      await directory.remove(partialName(name, operation));
      if (identity !== undefined && (await directory.identify(name)) === identity) await directory.remove(name);
    });
  }

  /** Opens the file of a saved state for reading; a symlink is not followed. */
  async openSaved(target: FileTarget): Promise<FileHandle> {
    const path = this.pathOf(target);
    await using directory = await this.#open(target);
    try {
      return await open(directory.at(basename(path)), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    } catch (thrown) {
      const why = unreadable[codeOf(thrown)];
      if (why === undefined) throw told(thrown, path);
      throw new Fault('SAVED_STATE_INVALID', `${path}: ${why}`, { path, why }, { cause: thrown });
    }
  }

  /** Removes a file of those: the state that the agent keeps of a domain has its uid as its name. Absence is success. */
  async removeManaged(name: string): Promise<void> {
    await rm(join(this.#managed, name), { force: true });
  }

  /** The names of the files that the agent keeps or has begun of states, and the domains that they are of. */
  async listManaged(): Promise<{ readonly name: string; readonly uid: string }[]> {
    const names = await readdir(this.#managed).catch(() => []);
    return names.map((name) => ({ name, uid: name.split('.partial-')[0] ?? '' }));
  }

  async #within<T>(target: FileTarget, work: (directory: OpenDirectory, name: string) => Promise<T>): Promise<T | undefined> {
    let directory: OpenDirectory;
    try {
      directory = await OpenDirectory.open(dirname(this.pathOf(target)));
    } catch (thrown) {
      if (codeOf(thrown) === 'ENOENT' || codeOf(thrown) === 'ENOTDIR') return undefined;
      throw thrown;
    }
    await using held = directory;
    return await work(held, basename(this.pathOf(target)));
  }

  async #open(target: FileTarget): Promise<OpenDirectory> {
    if (target.t === 'path') return this.#directoryOf(target.path);
    await mkdir(this.#managed, { recursive: true, mode: 0o700 });
    return OpenDirectory.open(this.#managed);
  }

  /** The directory of a path that a caller names, which must truly lie below an allowed root. */
  async #directoryOf(path: string): Promise<OpenDirectory> {
    const [violation] = pathViolations('path', path, this.#roots);
    if (violation) throw Fault.ofViolations('REQUEST_INVALID', 'the request is not valid', [violation]);
    const directory = await this.#openNamed(path);
    const roots = await Promise.all(this.#roots.map((root) => realpath(root).catch(() => root)));
    if (roots.some((root) => directory.realPath === root || directory.realPath.startsWith(root.endsWith('/') ? root : `${root}/`)))
      return directory;
    await directory[Symbol.asyncDispose]();
    throw refused(`truly lies in ${directory.realPath}, outside the allowed directories; name a path that no symlink leads out of them`);
  }

  async #openNamed(path: string): Promise<OpenDirectory> {
    try {
      return await OpenDirectory.open(dirname(path));
    } catch (thrown) {
      const code = codeOf(thrown);
      if (code === 'ENOENT' || code === 'ENOTDIR')
        throw refused(`is in ${dirname(path)}, which is no directory of the node; make it first`);
      throw told(thrown, path);
    }
  }
}

const unreadable: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file on the node',
  ELOOP: 'it is a symlink, which is not followed; name the file itself',
  ENXIO: 'it is not a file',
};

const refused = (description: string): Fault =>
  Fault.ofViolations('REQUEST_INVALID', 'the request is not valid', [{ field: 'path', description }]);
