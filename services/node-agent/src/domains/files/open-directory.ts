import { constants } from 'node:fs';
import { type FileHandle, lstat, open, readlink, unlink } from 'node:fs/promises';

const { O_DIRECTORY, O_RDONLY } = constants;

/** A directory that stays the same one whatever happens to its path: what was checked of it holds for all that is done in it. */
export class OpenDirectory implements AsyncDisposable {
  readonly #handle: FileHandle;
  /** Its true path, without symlinks. */
  readonly realPath: string;

  private constructor(handle: FileHandle, realPath: string) {
    this.#handle = handle;
    this.realPath = realPath;
  }

  static async open(path: string): Promise<OpenDirectory> {
    const handle = await open(path, O_RDONLY | O_DIRECTORY);
    try {
      return new OpenDirectory(handle, await readlink(`/proc/self/fd/${handle.fd}`));
    } catch (thrown) {
      await handle.close();
      throw thrown;
    }
  }

  /** A path that leads to a name in this very directory. */
  at(name: string): string {
    return `/proc/self/fd/${this.#handle.fd}/${name}`;
  }

  /** Device and inode of what has a name, which is not followed; undefined where there is nothing. */
  async identify(name: string): Promise<string | undefined> {
    try {
      return identityOf(await lstat(this.at(name), { bigint: true }));
    } catch (thrown) {
      if (codeOf(thrown) === 'ENOENT') return undefined;
      throw thrown;
    }
  }

  /** How long what has a name is, which is not followed; undefined where there is nothing. */
  async sizeOf(name: string): Promise<number | undefined> {
    try {
      return (await lstat(this.at(name))).size;
    } catch (thrown) {
      if (codeOf(thrown) === 'ENOENT') return undefined;
      throw thrown;
    }
  }

  /** Absence is success. */
  async remove(name: string): Promise<void> {
    try {
      await unlink(this.at(name));
      await this.sync();
    } catch (thrown) {
      if (codeOf(thrown) !== 'ENOENT') throw thrown;
    }
  }

  sync(): Promise<void> {
    return this.#handle.sync();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#handle.close();
  }
}

export const identityOf = ({ dev, ino }: { readonly dev: bigint; readonly ino: bigint }): string => `${dev}:${ino}`;

/** The code of a system call's failure; empty where it is none. */
export const codeOf = (thrown: unknown): string => (thrown instanceof Error && 'code' in thrown ? String(thrown.code) : '');
