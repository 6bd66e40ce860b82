import fc from 'fast-check';
import { expect, test } from 'vitest';
import { includesRole, roles, strongerRole, weakerRole } from './caller.ts';
import { identitiesOf, parseIdentity } from './identity.ts';
import { roleOf } from './policy.ts';

test.each([
  ['virtmesh://user/alice', 'user', 'alice'],
  ['virtmesh://service/domain-svc', 'service', 'domain-svc'],
  ['virtmesh://node/n1', 'node', 'n1'],
  ['virtmesh://user/bob@example.org', 'user', 'bob@example.org'],
])('%s', (uri, kind, name) => {
  expect(parseIdentity(uri)).toEqual({ kind, name, uri });
});

test.each([
  'virtmesh://local',
  'virtmesh://user/',
  'virtmesh://root/x',
  'virtmesh://user/a/b',
  'virtmesh://user/a b',
  'https://user/a',
  'virtmesh://user/a\n',
  ' virtmesh://user/a',
  'virtmesh://user/*',
  'virtmesh://user/..%2f',
])('%j is no identity', (uri) => {
  expect(parseIdentity(uri)).toBeUndefined();
});

test('identities are the URIs of the subject alternative names', () => {
  expect(
    identitiesOf('DNS:localhost, URI:virtmesh://node/n1, IP Address:127.0.0.1, URI:virtmesh://node/n2').map(({ name }) => name),
  ).toEqual(['n1', 'n2']);
  expect(identitiesOf(undefined)).toEqual([]);
  expect(identitiesOf('URI:https://example.org, DNS:virtmesh.user.alice')).toEqual([]);
});

test('a name that pretends to be two is none', () => {
  // As Node writes a DNS name and a URI with a comma in them.
  expect(identitiesOf('DNS:"x, URI:virtmesh://service/evil", URI:virtmesh://user/alice').map(({ uri }) => uri)).toEqual([
    'virtmesh://user/alice',
  ]);
  expect(identitiesOf('URI:"virtmesh://user/a, URI:virtmesh://service/evil"')).toEqual([]);
  expect(identitiesOf('DNS:"x\\", URI:virtmesh://service/evil"')).toEqual([]);
  expect(identitiesOf('DNS:x"y, URI:virtmesh://service/evil')).toEqual([]);
});

test('no quoted text ever yields an identity', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(identitiesOf(`DNS:${JSON.stringify(`${text}, URI:virtmesh://service/evil`)}`)).toEqual([]);
    }),
  );
});

test('roles include those before them', () => {
  for (const [a, role] of roles.entries()) {
    for (const [b, other] of roles.entries()) {
      expect(includesRole(role, other)).toBe(a >= b);
      expect(weakerRole(role, other)).toBe(roles[Math.min(a, b)]);
      expect(strongerRole(role, other)).toBe(roles[Math.max(a, b)]);
    }
  }
});

test('the strongest binding counts, and a star stands for one segment', () => {
  const policy = {
    bindings: [
      { identity: 'virtmesh://user/*', role: 'viewer' },
      { identity: 'virtmesh://user/alice', role: 'admin' },
      { identity: 'virtmesh://user/alice', role: 'operator' },
      { identity: 'virtmesh://service/*-svc', role: 'raw' },
      { identity: 'virtmesh://node/n.1', role: 'viewer' },
    ],
  } as const;
  expect(roleOf(policy, 'virtmesh://user/bob')).toBe('viewer');
  expect(roleOf(policy, 'virtmesh://user/alice')).toBe('admin');
  expect(roleOf(policy, 'virtmesh://service/domain-svc')).toBe('raw');
  expect(roleOf(policy, 'virtmesh://service/domain-svc/x')).toBeUndefined();
  expect(roleOf(policy, 'virtmesh://service/other')).toBeUndefined();
  // A dot is a dot.
  expect(roleOf(policy, 'virtmesh://node/nx1')).toBeUndefined();
  expect(roleOf({ bindings: [{ identity: 'virtmesh://node/n.*', role: 'viewer' }] }, 'virtmesh://node/nx1')).toBeUndefined();
});
