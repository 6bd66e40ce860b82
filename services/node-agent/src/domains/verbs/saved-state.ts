import { Fault } from '@virtmesh/base';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { GuestRef } from '@virtmesh/driver-spi';
import type { Engine } from '../engine.ts';
import type { FileTarget } from '../files/guest-files.ts';
import { unusable, readSavedState, type SavedStateFile } from '../files/saved-state-file.ts';
import type { Entry } from '../model/change.ts';
import { startsDiffer } from '../model/spec-update.ts';
import { accept } from './definition.ts';

/** A state from which a start goes on. */
export interface Saved {
  readonly file: SavedStateFile;
  /** The definition that ran. */
  readonly spec: DomainSpec;
}

/** The state in a file, whose definition is one that this node accepts. */
export async function readSaved(engine: Engine, target: FileTarget): Promise<Saved> {
  const { drivers, files } = engine.parts;
  const file = await readSavedState(files, target);
  const { activeSpec, domainId, driver, uid } = file.header;
  if (activeSpec === undefined) throw unusable(file.path, 'its header has no definition');
  const guest: GuestRef = { uid, id: domainId };
  try {
    return { file, spec: accept(drivers.get(driver), activeSpec, activeSpec, guest) };
  } catch (thrown) {
    if (!Fault.is(thrown, 'SPEC_INVALID', 'SPEC_UNSUPPORTED')) throw thrown;
    throw unusable(file.path, `this node does not accept the definition in it: ${thrown.message}`, thrown);
  }
}

/** Refuses to go on from a state that is not the domain's, or was saved before its definition changed. */
export function checkSaved({ domain, guest }: Entry, { file }: Saved): void {
  const { header, path } = file;
  if (header.uid !== guest.uid) throw unusable(path, `it is of the domain with the uid ${header.uid}, not of ${domain.name}`);
  if (header.driver !== domain.hypervisor)
    throw unusable(path, `the driver ${header.driver} saved it, and ${domain.name} is of ${domain.hypervisor}`);
  if (!domain.persistent || domain.spec === undefined) return;
  if (header.spec !== undefined && !startsDiffer(header.spec, domain.spec)) return;
  throw unusable(path, `the definition of ${domain.name} is not the one with which it was saved; with that one back it can be taken up`);
}

/** The state that the agent keeps of a domain; undefined where its next start boots. */
export async function managedState(engine: Engine, entry: Entry): Promise<Saved | undefined> {
  if (entry.domain.status?.managedSave !== true) return undefined;
  try {
    const saved = await readSaved(engine, { t: 'managed', uid: entry.guest.uid });
    checkSaved(entry, saved);
    return saved;
  } catch (thrown) {
    if (!Fault.is(thrown, 'SAVED_STATE_INVALID')) throw thrown;
    const { metadata } = thrown;
    throw new Fault(
      'SAVED_STATE_INVALID',
      `${thrown.message}; start ${entry.domain.name} with \`force_boot\` to boot it and forget the state`,
      metadata,
      {
        cause: thrown,
      },
    );
  }
}
