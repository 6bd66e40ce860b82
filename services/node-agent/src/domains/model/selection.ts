import type { Domain, DomainState } from '@virtmesh/contracts/domain/v1/domain';

export interface Selection {
  readonly states: readonly DomainState[];
  readonly labels: Readonly<Record<string, string>>;
}

/** Whether a domain is in one of the states, if any are named, and has all of the labels. */
export function selects(selection: Selection, domain: Domain): boolean {
  if (selection.states.length > 0 && !selection.states.includes(domain.status?.state ?? 0)) return false;
  return Object.entries(selection.labels).every(([key, value]) => domain.labels[key] === value);
}
