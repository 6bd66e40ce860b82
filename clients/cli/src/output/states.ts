import { type Domain, DomainState, DomainStateReason, type DomainStatus } from '@virtmesh/contracts/domain/v1/domain';
import type { Cell, Style } from './table.ts';

const words: Readonly<Partial<Record<DomainState, string>>> = {
  [DomainState.UNKNOWN]: 'unknown',
  [DomainState.RUNNING]: 'running',
  [DomainState.BLOCKED]: 'idle',
  [DomainState.PAUSED]: 'paused',
  [DomainState.SHUTDOWN]: 'in shutdown',
  [DomainState.SHUTOFF]: 'shut off',
  [DomainState.CRASHED]: 'crashed',
  [DomainState.PMSUSPENDED]: 'pmsuspended',
};

const styles: Readonly<Partial<Record<DomainState, Style>>> = {
  [DomainState.RUNNING]: 'green',
  [DomainState.BLOCKED]: 'green',
  [DomainState.PAUSED]: 'yellow',
  [DomainState.PMSUSPENDED]: 'yellow',
  [DomainState.SHUTDOWN]: 'yellow',
  [DomainState.CRASHED]: 'red',
  [DomainState.UNKNOWN]: 'red',
};

/** A state in virsh's words; `no state` for one that this release does not know. */
export const stateWord = (state: DomainState | undefined): string => words[state ?? DomainState.UNSPECIFIED] ?? 'no state';

/** A state in virsh's words and its colour. */
export function stateCell(state: DomainState | undefined): Cell {
  const style = styles[state ?? DomainState.UNSPECIFIED];
  return style ? { text: stateWord(state), style } : stateWord(state);
}

/** Why a domain is in its state, in words: `booted`, `I/O error`; empty where it is not known. */
export function reasonWord(status: DomainStatus | undefined): string {
  if (status === undefined || status.reason === DomainStateReason.UNSPECIFIED) return '';
  if (status.reason === DomainStateReason.IO_ERROR) return 'I/O error';
  return enumWord(DomainStateReason, status.reason);
}

/** An enum value's name in lower case with blanks: `guest agent` of GUEST_AGENT. */
export function enumWord(type: Readonly<Record<string, number>>, value: number): string {
  const name = Object.keys(type).find((key) => type[key] === value) ?? String(value);
  return name.toLowerCase().replaceAll('_', ' ');
}

/** Whether virsh's plain `list` shows it: all that have not ended, what cannot be seen too. */
export const isActive = (domain: Domain): boolean => domain.status?.state !== DomainState.SHUTOFF;

/** An enum value as it is written in a definition: `host-passthrough`; empty where nothing is said. */
export const setWord = (type: Readonly<Record<string, number>>, value: number): string =>
  value === 0 ? '' : enumWord(type, value).replaceAll(' ', '-');
