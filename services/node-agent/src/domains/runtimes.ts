import type { Fault } from '@virtmesh/base';
import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { GuestRef, RuntimeRecord } from '@virtmesh/driver-spi';
import type { Store } from '@virtmesh/store';
import type { Drivers } from './drivers.ts';

/** What is kept about a guest from the first step of its start to the release after its end. */
export interface Runtime {
  /** The driver's type, for a release when the domain itself is gone. */
  readonly driver: string;
  readonly id: string;
  readonly record: RuntimeRecord;
  /** The definition that its start has chosen, encoded; of use only until the start is recorded. */
  readonly chosen: string;
  /**
   * The operation that lets the guest go on from a saved state, or is about to, until its start is recorded: what was saved
   * must not be taken up a second time.
   */
  readonly uses?: string;
}

const prefix = 'guest:';
const key = (uid: string): string => `${prefix}${uid}`;
const startedFromKey = (uid: string): string => `started-from:${uid}`;

export function runtimeOf(store: Store, uid: string): Runtime | undefined {
  return store.runtimes.get(key(uid)) as Runtime | undefined;
}

export const keepRuntime = (store: Store, uid: string, runtime: Omit<Runtime, 'chosen'>, chosen: DomainSpec): void =>
  store.runtimes.put(key(uid), { ...runtime, chosen: encoded(chosen) } satisfies Runtime);

/** Notes, against power cuts too, that an operation is about to let a guest go on from a saved state. */
export async function keepUse(store: Store, uid: string, operation: string): Promise<void> {
  store.runtimes.put(key(uid), { ...kept(store, uid), uses: operation } satisfies Runtime);
  await store.durable();
}

/** In the transaction that records the start. */
export function forgetUse(store: Store, uid: string): void {
  const runtime = runtimeOf(store, uid);
  if (runtime?.uses === undefined) return;
  const { uses: _, ...rest } = runtime;
  store.runtimes.put(key(uid), rest satisfies Runtime);
}

/** Keeps another record of a guest that runs. */
export function replaceRecord(store: Store, uid: string, record: RuntimeRecord): void {
  store.runtimes.put(key(uid), { ...kept(store, uid), record } satisfies Runtime);
}

function kept(store: Store, uid: string): Runtime {
  const runtime = runtimeOf(store, uid);
  if (runtime === undefined) throw new Error(`nothing is kept about a guest of ${uid}`);
  return runtime;
}

/** Notes the new name of a guest, if it runs. */
export function renameRuntime(store: Store, uid: string, id: string): void {
  const runtime = runtimeOf(store, uid);
  if (runtime) store.runtimes.put(key(uid), { ...runtime, id } satisfies Runtime);
}

/** What the start of a guest has chosen. */
export const chosenBy = (runtime: Runtime): DomainSpec => decoded(runtime.chosen);

const encoded = (spec: DomainSpec): string => Buffer.from(DomainSpec.encode(spec).finish()).toString('base64');
const decoded = (text: string): DomainSpec => DomainSpec.decode(Buffer.from(text, 'base64'));

export const forgetRuntime = (store: Store, uid: string): void => store.runtimes.delete(key(uid));

/** The guests of which something is kept, and why that cannot be read where it cannot. */
export function* allRuntimes(store: Store): Iterable<{ readonly uid: string; readonly fault: Fault | undefined }> {
  for (const { fault, uid } of store.runtimes.all()) {
    if (uid.startsWith(prefix)) yield { uid: uid.slice(prefix.length), fault };
  }
}

/** Gives back what a guest that has ended held, if it held something. In the domain's turn; repeatable. The record stays: its owner forgets it. */
export async function releaseRuntime(
  { drivers, store }: { readonly drivers: Drivers; readonly store: Store },
  guest: GuestRef,
): Promise<void> {
  const runtime = runtimeOf(store, guest.uid);
  if (runtime) await drivers.get(runtime.driver).lifecycle.release(guest, runtime.record);
}

/**
 * The definition that a running guest was started from, with the changes of it that became live since: kept only while it
 * differs from the definition for the next start, which is what `restart_required` says.
 */
export function startedFrom(store: Store, uid: string): DomainSpec | undefined {
  const row = store.runtimes.get(startedFromKey(uid)) as { readonly spec: string } | undefined;
  return row && decoded(row.spec);
}

export function keepStartedFrom(store: Store, uid: string, spec: DomainSpec | undefined): void {
  if (spec === undefined) store.runtimes.delete(startedFromKey(uid));
  else store.runtimes.put(startedFromKey(uid), { spec: encoded(spec) });
}
