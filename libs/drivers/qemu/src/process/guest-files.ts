import { Fault } from '@virtmesh/base';
import { DiskDevice, DiskFormat } from '@virtmesh/contracts/domain/v1/disk';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { FileOwner, FileStat, Host, OpenFile } from '@virtmesh/driver-spi';
import { dirname, join, resolve } from 'node:path';
import type { FileUse } from './claims.ts';
import { parseQcow2Header, qcow2HeaderBytes } from './qcow2.ts';
import { permits, requireReadable, requireWay, unreachable } from './reach.ts';

/** A file that a definition names. */
export interface WantedFile {
  /** Where the definition names it. */
  readonly field: string;
  readonly path: string;
  readonly format: 'raw' | 'qcow2';
  readonly write: boolean;
  readonly shareable: boolean;
  /** The device that it is for, if it is for one. */
  readonly device?: string;
}

/** The files that a definition names, but for the UEFI variables. */
export function wantedFiles(spec: DomainSpec): WantedFile[] {
  const read = (field: string, path: string): WantedFile[] =>
    path === '' ? [] : [{ field, path, format: 'raw', write: false, shareable: false }];
  const disks = spec.disks.flatMap((disk, index): WantedFile[] => {
    const path = disk.source?.source?.value;
    if (path === undefined || path === '') return [];
    const write = !disk.readOnly && disk.device !== DiskDevice.CDROM;
    return [
      {
        field: `spec.disks[${index}].source.file_path`,
        path,
        format: disk.format === DiskFormat.QCOW2 ? 'qcow2' : 'raw',
        write,
        shareable: disk.shareable,
        device: disk.id,
      },
    ];
  });
  return [
    ...disks,
    ...read('spec.boot.kernel_path', spec.boot?.kernelPath ?? ''),
    ...read('spec.boot.initrd_path', spec.boot?.initrdPath ?? ''),
  ];
}

/** A backing chain longer than this is taken for a circle. */
const maxChain = 64;

/** Looks at the files of a guest before anything is changed: that they are there, what they say they are, below the allowed roots, and in reach of the guest's user. */
export class FileInspector {
  readonly #host: Host;
  readonly #roots: readonly string[];
  /** Undefined where the guest runs as the agent itself. */
  readonly #user: FileOwner | undefined;

  constructor(host: Host, roots: readonly string[], user: FileOwner | undefined) {
    this.#host = host;
    this.#roots = roots;
    this.#user = user;
  }

  /** The uses of a file and of the backing files that it names. `roots` stand in for the allowed roots where the driver chose the path itself. */
  async inspect(wanted: WantedFile, roots = this.#roots): Promise<FileUse[]> {
    const uses: FileUse[] = [];
    for (let next: WantedFile | undefined = wanted; next;) {
      if (uses.length >= maxChain) throw refused(wanted, `its backing chain has more than ${maxChain} files, or goes in a circle`);
      const seen: { readonly use: FileUse; readonly backing: WantedFile | undefined } = await this.#inspectOne(next, roots);
      uses.push(seen.use);
      next = seen.backing;
    }
    return uses;
  }

  /** Refuses a file that is still to be made in a directory that does not truly lie below an allowed root. */
  async requireParentBelowRoots(wanted: WantedFile, parent: string, name: string): Promise<void> {
    await using directory = await this.#open({ ...wanted, path: parent });
    this.#requireBelow(wanted, join(directory.realPath, name), this.#roots);
  }

  #requireBelow(wanted: Pick<WantedFile, 'field' | 'path'>, realPath: string, roots: readonly string[]): void {
    if (roots.some((root) => realPath.startsWith(root.endsWith('/') ? root : `${root}/`))) return;
    const truly = realPath === wanted.path ? '' : ` (truly ${realPath})`;
    throw refused(
      wanted,
      `it lies${truly} outside the allowed roots ${roots.join(', ') || '(none)'}; move it, or allow its directory in the agent's settings`,
    );
  }

  async #inspectOne(
    wanted: WantedFile,
    roots: readonly string[],
  ): Promise<{ readonly use: FileUse; readonly backing: WantedFile | undefined }> {
    await using file = await this.#open(wanted);
    this.#requireBelow(wanted, file.realPath, roots);
    const stat = await file.stat();
    if (stat.kind !== 'file') throw refused(wanted, `it is a ${stat.kind}, not a regular file`);
    const [backing] = await Promise.all([
      wanted.format === 'qcow2' ? this.#backingOf(wanted, file) : undefined,
      this.#requireReach(wanted, file.realPath, stat),
    ]);
    const handedOver = wanted.write && this.#user !== undefined;
    return {
      use: {
        path: file.realPath,
        identity: stat.identity,
        write: wanted.write,
        shareable: wanted.shareable,
        original: handedOver ? { uid: stat.uid, gid: stat.gid, mode: stat.mode } : undefined,
        device: wanted.device,
      },
      backing,
    };
  }

  async #open(wanted: WantedFile): Promise<OpenFile> {
    try {
      return await this.#host.files.open(wanted.path);
    } catch (thrown) {
      const code = thrown instanceof Error && 'code' in thrown ? thrown.code : '';
      if (code === 'ENOENT' || code === 'ENOTDIR') throw refused(wanted, 'there is no such file on the node; make it, or correct the path');
      throw refused(wanted, `it cannot be opened: ${thrown instanceof Error ? thrown.message : String(thrown)}`, thrown);
    }
  }

  async #backingOf(wanted: WantedFile, file: OpenFile): Promise<WantedFile | undefined> {
    const header = parsed(wanted, await file.read(0, qcow2HeaderBytes));
    if (header.encrypted) throw refused(wanted, 'it is an encrypted image, which this driver does not open');
    if (header.hasDataFile) throw refused(wanted, 'its data are in a file of their own, which this driver does not open');
    if (header.backingFile === undefined) return undefined;
    const format = header.backingFormat;
    if (format !== 'raw' && format !== 'qcow2') {
      throw refused(
        wanted,
        `it records ${format === undefined ? 'no format' : `the format ${JSON.stringify(format)}`} for its backing file, and a format is never guessed; record raw or qcow2 by: qemu-img rebase -u -b BACKING -F FORMAT ${wanted.path}`,
      );
    }
    if (/^[A-Za-z][A-Za-z0-9+.-]*:/.test(header.backingFile))
      throw refused(wanted, `its backing file ${JSON.stringify(header.backingFile)} is not a plain path`);
    return { ...wanted, path: resolve(dirname(wanted.path), header.backingFile), format, write: false, shareable: false };
  }

  async #requireReach(wanted: WantedFile, realPath: string, stat: FileStat): Promise<void> {
    const user = this.#user;
    if (!user) return;
    await requireWay(this.#host, realPath, user);
    if (!wanted.write) return requireReadable(realPath, stat, user);
    // Its owner will be the guest's user, with the mode that it has.
    if (!wanted.shareable && !permits({ mode: stat.mode, uid: user.uid, gid: stat.gid }, user, 6))
      throw unreachable(realPath, realPath, user, 'write', `chmod u+rw ${realPath}`);
  }
}

function parsed(wanted: WantedFile, start: Buffer): ReturnType<typeof parseQcow2Header> {
  try {
    return parseQcow2Header(start);
  } catch (thrown) {
    if (thrown instanceof RangeError) throw refused(wanted, `it is not a usable qcow2 image: ${thrown.message}`, thrown);
    throw thrown;
  }
}

function refused(wanted: Pick<WantedFile, 'field' | 'path'>, words: string, cause?: unknown): Fault {
  return new Fault(
    'HOST_INCOMPATIBLE',
    `${wanted.field} ${wanted.path}: ${words}`,
    { field: wanted.field, path: wanted.path },
    { cause, violations: [{ field: wanted.field, description: words }] },
  );
}
