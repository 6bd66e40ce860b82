import { Domain, DomainState } from '@virtmesh/contracts/domain/v1/domain';
import { expect, test } from 'vitest';
import { selector } from './selection.ts';

test('a domain is selected by one of the states and all of the labels', () => {
  const domain = Domain.fromPartial({ labels: { a: '1', b: '' }, status: { state: DomainState.PAUSED } });
  const { PAUSED, RUNNING } = DomainState;
  expect(selector({ states: [], labels: {} })(domain)).toBe(true);
  expect(selector({ states: [RUNNING, PAUSED], labels: { a: '1' } })(domain)).toBe(true);
  expect(selector({ states: [RUNNING], labels: {} })(domain)).toBe(false);
  expect(selector({ states: [], labels: { a: '1', b: '' } })(domain)).toBe(true);
  expect(selector({ states: [], labels: { a: '2' } })(domain)).toBe(false);
  expect(selector({ states: [], labels: { c: '' } })(domain)).toBe(false);
  expect(selector({ states: [], labels: { toString: '' } })(domain)).toBe(false);
});
