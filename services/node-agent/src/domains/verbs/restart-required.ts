import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { Engine } from '../engine.ts';
import type { Entry } from '../model/change.ts';
import { startsDiffer } from '../model/spec-update.ts';
import { keepStartedFrom, startedFrom } from '../runtimes.ts';

/**
 * Whether the next start, by `spec`, would make another guest than the one that runs. Notes in the present transaction what
 * that one was started from; `became` is that with what has become live of both definitions.
 */
export function noteDifference(
  engine: Engine,
  { domain, guest }: Entry,
  spec: DomainSpec,
  became: (from: DomainSpec) => DomainSpec,
): boolean {
  const { store } = engine.parts;
  const base = startedFrom(store, guest.uid) ?? domain.spec;
  const present = base && became(base);
  const differs = present !== undefined && startsDiffer(present, spec);
  keepStartedFrom(store, guest.uid, differs ? present : undefined);
  return differs;
}
