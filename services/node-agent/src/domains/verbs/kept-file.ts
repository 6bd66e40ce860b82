import { Fault } from '@virtmesh/base';
import { feature } from './precheck.ts';
import type { Engine } from '../engine.ts';
import type { FileTarget } from '../files/guest-files.ts';
import { isActive } from '../model/states.ts';

/** What a later life of the agent must know of a file that an operation makes of a guest. */
interface KeptFile {
  /** Whether a save stops a guest that ran. */
  readonly stops: boolean;
  /** Device and inode, once the file is whole and about to get its name. */
  readonly identity?: string;
}

const key = (operation: string): string => `file:${operation}`;
const abandonMs = 10_000;

export const keepFile = ({ parts }: Engine, operation: string, kept: KeptFile): void => parts.store.runtimes.put(key(operation), kept);
export const forgetFile = ({ parts }: Engine, operation: string): void => parts.store.runtimes.delete(key(operation));
const keptFile = ({ parts }: Engine, operation: string): KeptFile | undefined =>
  parts.store.runtimes.get(key(operation)) as KeptFile | undefined;

/** Whether the operation's file has its name: then all that is in it is safe. */
export async function isPublished(engine: Engine, target: FileTarget, operation: string): Promise<boolean> {
  const identity = keptFile(engine, operation)?.identity;
  return identity !== undefined && (await engine.parts.files.identify(target)) === identity;
}

/** Removes what an operation has made of a file and lets a guest go on that it has stopped. What cannot be done is logged. Repeatable. */
export async function takeFileBack(
  engine: Engine,
  of: { readonly uid: string; readonly operation: string; readonly target: FileTarget; readonly stopped: boolean },
): Promise<void> {
  const { files, log } = engine.parts;
  const { operation, stopped, target, uid } = of;
  const kept = keptFile(engine, operation);
  try {
    await files.discard(target, operation, kept?.identity);
  } catch (thrown) {
    log.error({ err: thrown, operation, path: files.pathOf(target) }, 'a file that was begun could not be removed');
  }
  if (stopped && kept?.stops === true) await goOn(engine, uid);
  forgetFile(engine, operation);
}

async function goOn(engine: Engine, uid: string): Promise<void> {
  const { drivers, log, registry, stopping } = engine.parts;
  const entry = registry.get(uid);
  if (entry === undefined || !isActive(entry.state)) return;
  try {
    const savedState = feature(drivers.get(entry.domain.hypervisor), 'savedState', entry);
    await savedState.abandon(entry.guest, AbortSignal.any([stopping, AbortSignal.timeout(abandonMs)]));
  } catch (thrown) {
    log.error({ err: Fault.from(thrown), uid }, 'a guest that was stopped to save its state could not be let go on; resume it');
  }
}
