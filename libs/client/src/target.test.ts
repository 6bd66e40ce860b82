import { Fault } from '@virtmesh/base';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseTarget } from './target.ts';

test.each([
  ['unix:///run/virtmesh/agent.sock', { kind: 'unix', path: '/run/virtmesh/agent.sock' }],
  ['unix:/run/a.sock', { kind: 'unix', path: '/run/a.sock' }],
  ['unix:///tmp/a%20b%25.sock', { kind: 'unix', path: '/tmp/a b%.sock' }],
  ['/tmp/a%20b.sock', { kind: 'unix', path: '/tmp/a%20b.sock' }],
  ['./a.sock', { kind: 'unix', path: './a.sock' }],
  ['tcp://127.0.0.1:7700', { kind: 'tcp', host: '127.0.0.1', port: 7700 }],
  ['tcp://[::1]:7700/', { kind: 'tcp', host: '::1', port: 7700 }],
  ['tls://node1.example.org:7701', { kind: 'tls', host: 'node1.example.org', port: 7701 }],
  [
    'tls://h:1?ca=/a/b.crt&cert=c.crt&key=c.key&identity=virtmesh://node/n1',
    { kind: 'tls', host: 'h', port: 1, ca: '/a/b.crt', cert: 'c.crt', key: 'c.key', identity: 'virtmesh://node/n1' },
  ],
  ['tls://h:1?ca=', { kind: 'tls', host: 'h', port: 1 }],
])('%s', (uri, target) => {
  expect(parseTarget(uri)).toEqual(target);
});

test.each([
  ['', /has no scheme/],
  ['agent.sock', /has no scheme/],
  ['localhost:7700', /has no scheme/],
  ['http://localhost:1', /scheme http is not known.*unix:\/\/\//],
  ['qemu:///system', /scheme qemu is not known/],
  ['unix://host/path', /has no host/],
  ['unix:', /names no path/],
  ['unix:///a%zz', /%25/],
  [`/${'x'.repeat(120)}`, /107 bytes/],
  ['tcp://', /names no host/],
  ['tcp://localhost', /names no port/],
  ['tls://:1', /cannot be read|no host/],
  ['tls://h:99999', /cannot be read/],
  ['tls://user@h:1', /names a user/],
  ['tls://h:1/path', /has a path, \/path/],
  ['tls://h:1#x', /fragment/],
  ['tls://h:1?cacert=x', /cacert is not known; there are ca, cert, key, identity/],
  ['tls://h:1?ca=x&ca=y', /given twice/],
  ['tcp://h:1?ca=x', /ca is not known; there are none/],
])('%s is refused with why', (uri, words) => {
  const fault = thrownBy(() => parseTarget(uri));
  expect(fault.reason).toBe('URI_INVALID');
  expect(fault.message).toMatch(words);
  expect(fault.violations).toMatchObject([{ field: 'uri' }]);
});

test('any text is a target or URI_INVALID', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.webUrl(),
        fc.string().map((text) => `tls://${text}`),
        fc.string().map((text) => `unix:${text}`),
      ),
      (uri) => {
        try {
          parseTarget(uri);
        } catch (thrown) {
          expect(Fault.is(thrown, 'URI_INVALID')).toBe(true);
        }
      },
    ),
  );
});

function thrownBy(action: () => unknown): Fault {
  try {
    action();
  } catch (thrown) {
    if (thrown instanceof Fault) return thrown;
  }
  throw new Error('no fault was thrown');
}
