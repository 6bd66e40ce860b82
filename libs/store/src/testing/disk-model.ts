import { descriptor, quoted, type SystemCall } from './system-calls.ts';

interface Write {
  readonly offset: number;
  readonly data: Buffer;
}
type Change = Write | { readonly length: number };

/** A file as the disk surely has it, and what was done to it since its last sync. */
interface Inode {
  durable: Buffer;
  pending: Change[];
}

export type Random = () => number;

/**
 * What a disk may hold after a power cut, at its most unfavourable: what was synced is there, and of the rest any part, in any
 * selection, cut at any sector; a name is there for sure once its directory was synced.
 */
export class DiskModel {
  readonly #directory: string;
  readonly #ignored: readonly string[];
  readonly #names = new Map<string, Inode>();
  #durableNames = new Map<string, Inode>();
  readonly #positions = new Map<number, number>();

  /** `ignored` are calls that are taken to do nothing, to see what becomes of the files without them. */
  constructor(directory: string, ignored: readonly string[] = []) {
    this.#directory = directory;
    this.#ignored = ignored;
  }

  /** To be called when a sync begins: answers what is to be called when it has ended. */
  syncBegins(call: SystemCall): () => void {
    if (this.#ignored.includes(call.name)) return () => undefined;
    const { path } = descriptor(call.args[0]);
    if (path === this.#directory) {
      const names = new Map(this.#names);
      return () => {
        this.#durableNames = names;
      };
    }
    const inode = this.#names.get(path);
    if (inode === undefined) return () => undefined;
    const covered = inode.pending.length;
    return () => {
      inode.durable = withChanges(inode.durable, inode.pending.splice(0, covered));
    };
  }

  /** Takes in a call that is not a sync. */
  apply(call: SystemCall): void {
    if (call.result < 0) return;
    const { args } = call;
    switch (call.name) {
      case 'openat':
        return this.#open(quoted(args[1]), args[2] ?? '', call.result);
      case 'pwrite64':
        return this.#change(descriptor(args[0]).path, {
          offset: Number(args[3]),
          data: Buffer.from(quoted(args[1]), 'latin1').subarray(0, call.result),
        });
      case 'write':
        return this.#append(descriptor(args[0]), Buffer.from(quoted(args[1]), 'latin1').subarray(0, call.result));
      case 'ftruncate':
        return this.#change(descriptor(args[0]).path, { length: Number(args[1]) });
      case 'unlink':
        return void this.#names.delete(quoted(args[0]));
      case 'link': {
        const inode = this.#names.get(quoted(args[0]));
        if (inode) this.#names.set(quoted(args[1]), inode);
      }
    }
  }

  /** The files that a machine may find after a cut at this moment. */
  afterCut(random: Random): Map<string, Buffer> {
    const names = random() < 0.5 ? this.#durableNames : this.#names;
    const keep = random();
    const survivors = ({ pending }: Inode): Change[] => pending.flatMap((change) => (random() < keep ? [torn(change, random)] : []));
    return new Map([...names].map(([path, inode]) => [path, withChanges(inode.durable, survivors(inode))]));
  }

  #open(path: string, flags: string, fd: number): void {
    if (!path.startsWith(`${this.#directory}/`)) return;
    this.#positions.set(fd, 0);
    if (flags.includes('O_CREAT') && !this.#names.has(path)) this.#names.set(path, { durable: Buffer.alloc(0), pending: [] });
    if (flags.includes('O_TRUNC')) this.#change(path, { length: 0 });
  }

  #append({ fd, path }: { readonly fd: number; readonly path: string }, data: Buffer): void {
    const offset = this.#positions.get(fd) ?? 0;
    this.#positions.set(fd, offset + data.length);
    this.#change(path, { offset, data });
  }

  #change(path: string, change: Change): void {
    this.#names.get(path)?.pending.push(change);
  }
}

/** The change, or now and then only its first sectors. */
function torn(change: Change, random: Random): Change {
  if ('length' in change || random() < 0.9) return change;
  const sectors = Math.floor((random() * change.data.length) / 512);
  return { offset: change.offset, data: change.data.subarray(0, sectors * 512) };
}

function withChanges(content: Buffer, changes: readonly Change[]): Buffer {
  const room = Math.max(
    content.length,
    ...changes.map((change) => ('length' in change ? change.length : change.offset + change.data.length)),
  );
  const changed = Buffer.alloc(room);
  content.copy(changed);
  let length = content.length;
  for (const change of changes) {
    if ('length' in change) {
      changed.fill(0, Math.min(change.length, length));
      ({ length } = change);
    } else {
      change.data.copy(changed, change.offset);
      length = Math.max(length, change.offset + change.data.length);
    }
  }
  return changed.subarray(0, length);
}
