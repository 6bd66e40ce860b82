import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@virtmesh/kit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { tcp } from './tcp.ts';
import { tls } from './tls.ts';

let pki: string;
beforeAll(() => {
  pki = mkdtempSync(join(tmpdir(), 'vm-pki-'));
  for (const name of ['ca.crt', 'client.crt', 'client.key']) writeFileSync(join(pki, name), '');
});
afterAll(() => rmSync(pki, { recursive: true, force: true }));

const context = (VIRTMESH_PKI: string) => ({ uri: 'the uri', env: { VIRTMESH_PKI }, log: silentLogger() });
const refused = (words: RegExp): unknown =>
  expect.objectContaining({ reason: 'URI_INVALID', violations: [{ field: 'uri', description: expect.stringMatching(words) as string }] });

test('clear text goes to this host only', () => {
  for (const host of ['192.0.2.1', 'example.org', '0.0.0.0'])
    expect(() => tcp.route({ kind: 'tcp', host, port: 1 }, context(pki))).toThrow(refused(/goes to this host only/));
  expect(tcp.route({ kind: 'tcp', host: '127.0.0.1', port: 1 }, context(pki)).address).toContain('127.0.0.1:1');
});

test('the files of TLS are there', () => {
  expect(() => tls.route({ kind: 'tls', host: 'h', port: 1 }, context('/nowhere'))).toThrow(
    refused(/there is no \/nowhere\/ca\.crt; name the file by the parameter ca,/),
  );
  expect(() => tls.route({ kind: 'tls', host: 'h', port: 1, key: '/nowhere/k' }, context(pki))).toThrow(
    refused(/no \/nowhere\/k; name the file by the parameter key,/),
  );
});

test('an identity is one', () => {
  for (const identity of ['', 'n1', 'virtmesh://', 'https://node/n1', 'virtmesh://node/../n1'])
    expect(() => tls.route({ kind: 'tls', host: 'h', port: 1, identity }, context(pki))).toThrow(refused(/must be of the form/));
});
