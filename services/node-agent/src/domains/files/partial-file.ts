import { constants } from 'node:fs';
import { type FileHandle, link, open, rename, unlink } from 'node:fs/promises';
import { told } from './file-fault.ts';
import { codeOf, identityOf, type OpenDirectory } from './open-directory.ts';

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDWR } = constants;

/** What file systems answer that have no hard links. */
const linkless: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']);

export interface PartialFileOptions {
  /** What a caller is told that it is. */
  readonly path: string;
  /** The name that it will have. */
  readonly name: string;
  /** The operation that makes it. */
  readonly operation: string;
  /** Whether it may take the place of another file. */
  readonly replaces: boolean;
}

/** The name of a file while it is written. */
export const partialName = (name: string, operation: string): string => `${name}.partial-${operation}`;

/** A file that is written beside the name that it will have. */
export class PartialFile implements AsyncDisposable {
  readonly #directory: OpenDirectory;
  readonly #handle: FileHandle;
  readonly #options: PartialFileOptions;
  #bytes = 0;
  /** Device and inode, which it keeps with its name. */
  readonly identity: string;

  private constructor(directory: OpenDirectory, handle: FileHandle, identity: string, options: PartialFileOptions) {
    this.#directory = directory;
    this.#handle = handle;
    this.#options = options;
    this.identity = identity;
  }

  /** The directory is closed with the file. */
  static async create(directory: OpenDirectory, options: PartialFileOptions): Promise<PartialFile> {
    const path = directory.at(partialName(options.name, options.operation));
    const handle = await open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    try {
      return new PartialFile(directory, handle, identityOf(await handle.stat({ bigint: true })), options);
    } catch (thrown) {
      await handle.close();
      throw thrown;
    }
  }

  get sizeBytes(): number {
    return this.#bytes;
  }

  /** Resolves when the host has taken the bytes. */
  append(bytes: Uint8Array): Promise<void> {
    return this.#told(async () => {
      for (let done = 0; done < bytes.length;) {
        const { bytesWritten } = await this.#handle.write(bytes, done, bytes.length - done, this.#bytes);
        done += bytesWritten;
        this.#bytes += bytesWritten;
      }
    });
  }

  /** Writes over what is there already. */
  overwrite(position: number, bytes: Uint8Array): Promise<void> {
    return this.#told(async () => {
      await this.#handle.write(bytes, 0, bytes.length, position);
    });
  }

  sync(): Promise<void> {
    return this.#told(() => this.#handle.sync());
  }

  /** Gives the file its name; RESOURCE_IN_USE where another one has it. When it resolves, the name outlives a power cut. */
  publish(): Promise<void> {
    const { name, operation, replaces } = this.#options;
    const temporary = this.#directory.at(partialName(name, operation));
    const path = this.#directory.at(name);
    return this.#told(async () => {
      if (replaces) await rename(temporary, path);
      else await this.#renameToFree(temporary, path);
      await this.#directory.sync();
    });
  }

  async #told(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (thrown) {
      throw told(thrown, this.#options.path);
    }
  }

  /** A rename would take the place of what is there; a link does not. */
  async #renameToFree(temporary: string, path: string): Promise<void> {
    try {
      await link(temporary, path);
      await unlink(temporary);
    } catch (thrown) {
      if (!linkless.has(codeOf(thrown))) throw thrown;
      if ((await this.#directory.identify(this.#options.name)) !== undefined)
        throw Object.assign(new Error(`${this.#options.name} is there already`), { code: 'EEXIST' });
      await rename(temporary, path);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
    await this.#directory[Symbol.asyncDispose]();
  }
}
