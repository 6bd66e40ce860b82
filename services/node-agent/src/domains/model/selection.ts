import type { Domain, DomainState } from '@virtmesh/contracts/domain/v1/domain';

export interface Selection {
  readonly states: readonly DomainState[];
  readonly labels: Readonly<Record<string, string>>;
}

/** Asks domains whether they are in one of the states, if any are named, and have all of the labels. */
export function selector(selection: Selection): (domain: Domain) => boolean {
  const states = new Set(selection.states);
  const labels = Object.entries(selection.labels);
  return (domain) =>
    (states.size === 0 || states.has(domain.status?.state ?? 0)) && labels.every(([key, value]) => domain.labels[key] === value);
}
