import { Fault, formatBytes } from '@virtmesh/base';
import type { FileOwner, GuestRef, Host } from '@virtmesh/driver-spi';
import type { GuestUsers } from './users.ts';

/** A file that a guest uses. */
export interface FileUse {
  readonly path: string;
  /** Device and inode. */
  readonly identity: string;
  readonly write: boolean;
  readonly shareable: boolean;
  /** Whose it was and with which mode before it was handed to the guest; undefined where it was not handed over. */
  readonly original: (FileOwner & { readonly mode: number }) | undefined;
  /** The device that it is for; undefined for what the guest has for as long as it runs. */
  readonly device: string | undefined;
}

/** What one guest holds that no other may have at the same time. */
export interface Claim {
  /** The id that its domain had at its start, by which people know it; empty until it has files. */
  readonly id: string;
  readonly user: number | undefined;
  readonly ports: readonly number[];
  readonly cid: bigint | undefined;
  readonly files: readonly FileUse[];
  /** Memory that was promised and is not yet seen in use. */
  readonly promisedBytes: bigint;
}

const nothing: Claim = { id: '', user: undefined, ports: [], cid: undefined, files: [], promisedBytes: 0n };

/** QEMU's own memory beside the guest's: what an idle q35 with devices holds, and room for its video and firmware. */
const overheadBytes = 64n * 1024n * 1024n;

/** What the guests of this driver hold. Choosing and claiming is one synchronous act, so that two starts never get the same. */
export class Claims {
  readonly #byGuest = new Map<string, Claim>();
  readonly #users: GuestUsers;
  readonly #host: Host;
  #foreignUsers: ReadonlySet<number>;

  constructor(host: Host, users: GuestUsers, foreignUsers: ReadonlySet<number>) {
    this.#host = host;
    this.#users = users;
    this.#foreignUsers = foreignUsers;
  }

  of(guest: string): Claim {
    return this.#byGuest.get(guest) ?? nothing;
  }

  add(guest: string, part: Partial<Claim>): void {
    this.#byGuest.set(guest, { ...this.of(guest), ...part });
  }

  drop(guest: string): void {
    this.#byGuest.delete(guest);
  }

  /** The smallest free user of the range; undefined where guests run as the agent. */
  async claimUser(guest: string): Promise<number | undefined> {
    if (this.#users.t === 'own') return undefined;
    const { first, count } = this.#users;
    const smallest = (taken: ReadonlySet<number>): number | undefined => {
      const claimed = new Set([...this.#byGuest.values()].map((claim) => claim.user));
      for (let user = first + 1; user < first + count; user += 1) if (!claimed.has(user) && !taken.has(user)) return user;
      return undefined;
    };
    // What was seen at the beginning may have ended since.
    if (smallest(new Set()) !== smallest(this.#foreignUsers))
      this.#foreignUsers = await this.#host.processes.usersWithProcesses(first + 1, count - 1);
    const user = smallest(this.#foreignUsers);
    if (user === undefined)
      throw new Fault('ADDRESS_EXHAUSTED', `all user ids from ${first + 1} to ${first + count - 1} run guests; widen the agent's range`, {
        first: String(first),
        count: String(count),
      });
    this.add(guest, { user });
    return user;
  }

  /** Promises memory to a guest, if the host has it beside what is promised to others that are just starting. */
  claimMemory(guest: string, sizeBytes: bigint): void {
    const promised = [...this.#byGuest.values()].reduce((sum, claim) => sum + claim.promisedBytes, 0n);
    const available = this.#host.info.availableMemoryBytes() - promised;
    const needed = sizeBytes + overheadBytes;
    if (needed > available) {
      throw new Fault(
        'MEMORY_EXHAUSTED',
        `the guest needs ${formatBytes(needed)} of memory and the host has ${formatBytes(available > 0n ? available : 0n)}; make it smaller, or end another`,
        { needed_bytes: String(needed), available_bytes: String(available) },
      );
    }
    this.add(guest, { promisedBytes: needed });
  }

  /** The guest whose use of a file excludes the given one. */
  holderOf(guest: string, file: FileUse): GuestRef | undefined {
    for (const [other, claim] of this.#byGuest) {
      if (other === guest) continue;
      if (claim.files.some((use) => use.identity === file.identity && (use.write || file.write) && !(use.shareable && file.shareable)))
        return { uid: other, id: claim.id };
    }
    return undefined;
  }

  /** How a file was before the first of the guests that share it now was given it. */
  originalOf(guest: string, identity: string): FileUse['original'] {
    for (const [other, claim] of this.#byGuest) {
      const use = other === guest ? undefined : claim.files.find((file) => file.identity === identity && file.original);
      if (use) return use.original;
    }
    return undefined;
  }

  isPortClaimed(guest: string, port: number): boolean {
    return [...this.#byGuest].some(([other, claim]) => other !== guest && claim.ports.includes(port));
  }

  isCidClaimed(guest: string, cid: bigint): boolean {
    return [...this.#byGuest].some(([other, claim]) => other !== guest && claim.cid === cid);
  }

  /** The smallest free context id of vsock; 0 to 2 have meanings of their own. */
  claimCid(guest: string): bigint {
    const claimed = new Set([...this.#byGuest.values()].map((claim) => claim.cid));
    let cid = 3n;
    while (claimed.has(cid)) cid += 1n;
    this.add(guest, { cid });
    return cid;
  }
}
