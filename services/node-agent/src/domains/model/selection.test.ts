import { Domain, DomainState } from '@virtmesh/contracts/domain/v1/domain';
import { expect, test } from 'vitest';
import { selects } from './selection.ts';

test('a domain is selected by one of the states and all of the labels', () => {
  const domain = Domain.fromPartial({ labels: { a: '1', b: '' }, status: { state: DomainState.PAUSED } });
  const { PAUSED, RUNNING } = DomainState;
  expect(selects({ states: [], labels: {} }, domain)).toBe(true);
  expect(selects({ states: [RUNNING, PAUSED], labels: { a: '1' } }, domain)).toBe(true);
  expect(selects({ states: [RUNNING], labels: {} }, domain)).toBe(false);
  expect(selects({ states: [], labels: { a: '1', b: '' } }, domain)).toBe(true);
  expect(selects({ states: [], labels: { a: '2' } }, domain)).toBe(false);
  expect(selects({ states: [], labels: { c: '' } }, domain)).toBe(false);
  expect(selects({ states: [], labels: { toString: '' } }, domain)).toBe(false);
});
