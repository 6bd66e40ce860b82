import { encodeToken } from '@virtmesh/base';
import { expect, test } from 'vitest';
import { decodePlace, encodePlace } from './resume-token.ts';
import { FleetWorld } from './testing/fleet-world.ts';

const refused = (field: string): unknown =>
  expect.objectContaining({ reason: 'TOKEN_INVALID', violations: [expect.objectContaining({ field })] });

test.each([
  ['of another rpc', encodePlace('other', {})],
  ['that is no token', 'x'],
  ['that holds a list', encodeToken('t', [])],
  ['that holds no place', encodeToken('t', { n1: 1 })],
  ['with a number that is none', encodeToken('t', { n1: ['e', '-1'] })],
])('a resume token %s is refused by field', (_what, token) => {
  expect(() => decodePlace('t', token, 'resume_token')).toThrow(refused('resume_token'));
});

test('a page token of another list is refused by field', async () => {
  await using world = new FleetWorld();
  const agent = await world.agent('n1');
  for (const id of ['a', 'b']) agent.define(id, {});
  await world.settle();
  const { nextPageToken } = world.list({ pageSize: 1 });
  expect(() => world.list({ pageSize: 1, pageToken: nextPageToken, states: [1] })).toThrow(refused('page_token'));
  expect(() => world.list({ pageToken: 'x' })).toThrow(refused('page_token'));
});
