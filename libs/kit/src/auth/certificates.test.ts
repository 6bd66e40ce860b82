import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { failure, temporaryDirectory } from '../testing/fixture.ts';
import { type CertificateFiles, ensureCertificate } from './certificates.ts';

const run = promisify(execFile);
const day = 86_400_000;
const at = (ms: number): { now: () => Date; monotonicMs: () => number } => ({ now: () => new Date(ms), monotonicMs: () => ms });
const read = async (files: CertificateFiles): Promise<string[]> =>
  await Promise.all([files.ca, files.cert, files.key].map((path) => readFile(path, 'utf8')));

test('a certificate of an authority of its own, for a server and a client', async () => {
  const directory = join(await temporaryDirectory(), 'pki');
  const files = await ensureCertificate(
    { identity: 'virtmesh://node/n1', otherIdentities: ['virtmesh://node/n2'], hosts: ['localhost', '127.0.0.1', '::1'] },
    { directory },
  );
  const certificate = new X509Certificate(await readFile(files.cert));
  expect(certificate.subjectAltName).toBe(
    'URI:virtmesh://node/n1, URI:virtmesh://node/n2, DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1',
  );
  expect(certificate.ca).toBe(false);
  expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2', '1.3.6.1.5.5.7.3.1']);
  expect(certificate.publicKey.asymmetricKeyDetails).toMatchObject({ namedCurve: 'prime256v1' });
  // OpenSSL checks the chain with other eyes than the library that made it.
  await run('openssl', ['verify', '-x509_strict', '-purpose', 'sslserver', '-CAfile', files.ca, files.cert]);
  for (const key of (await readdir(directory)).filter((name) => name.endsWith('.key')))
    expect((await stat(join(directory, key))).mode & 0o777).toBe(0o600);
  expect((await stat(directory)).mode & 0o777).toBe(0o700);
  expect((await readdir(directory)).toSorted()).toEqual(['ca.crt', 'ca.key', 'node-n1.crt', 'node-n1.key']);
});

test('what is good stays', async () => {
  const directory = await temporaryDirectory();
  const request = { identity: 'virtmesh://user/alice', fileName: 'client' };
  const first = await read(await ensureCertificate(request, { directory }));
  expect(await read(await ensureCertificate(request, { directory }))).toEqual(first);
});

test('a certificate is made anew when it ends soon, has other names, or lost its key; the authority stays', async () => {
  const directory = await temporaryDirectory();
  const now = Date.now();
  const request = { identity: 'virtmesh://node/n1', hosts: ['a'] };
  const [ca, cert] = await read(await ensureCertificate(request, { directory, clock: at(now) }));
  const [, kept] = await read(await ensureCertificate(request, { directory, clock: at(now + 50 * day) }));
  expect(kept).toBe(cert);
  const [sameCa, renewed] = await read(await ensureCertificate(request, { directory, clock: at(now + 61 * day) }));
  expect([sameCa === ca, renewed === cert]).toEqual([true, false]);
  const [, renamed] = await read(await ensureCertificate({ ...request, hosts: ['b'] }, { directory, clock: at(now + 61 * day) }));
  expect(renamed).not.toBe(renewed);
  await writeFile(join(directory, 'node-n1.key'), await readFile(join(directory, 'ca.key')));
  const [, rekeyed] = await read(await ensureCertificate({ ...request, hosts: ['b'] }, { directory, clock: at(now + 61 * day) }));
  expect(rekeyed).not.toBe(renamed);
});

test('an authority that ends soon is replaced, and its certificates with it', async () => {
  const directory = await temporaryDirectory();
  const now = Date.now();
  const request = { identity: 'virtmesh://user/a' };
  const [ca] = await read(await ensureCertificate(request, { directory, clock: at(now) }));
  const later = await ensureCertificate(request, { directory, clock: at(now + 3630 * day) });
  expect((await read(later))[0]).not.toBe(ca);
  const [newCa, newCert] = [new X509Certificate(await readFile(later.ca)), new X509Certificate(await readFile(later.cert))];
  expect(newCert.verify(newCa.publicKey)).toBe(true);
});

test('an identity that is none is refused', async () => {
  expect((await failure(ensureCertificate({ identity: 'virtmesh://user/../x' }, { directory: '/nonexistent' }))).reason).toBe(
    'NAME_INVALID',
  );
});

test('as a command it prints the paths', async () => {
  const directory = await temporaryDirectory();
  const command = fileURLToPath(new URL('./certificates-cli.ts', import.meta.url));
  const { stdout } = await run(process.execPath, [
    command,
    '--directory',
    directory,
    '--identity',
    'virtmesh://service/domain-svc',
    '--host',
    'localhost',
  ]);
  expect(stdout.trim().split('\n')).toEqual(
    ['ca.crt', 'service-domain-svc.crt', 'service-domain-svc.key'].map((name) => join(directory, name)),
  );
  await expect(run(process.execPath, [command])).rejects.toMatchObject({ code: 2 });
  await expect(run(process.execPath, [command, '--directory', directory, '--identity', 'x'])).rejects.toMatchObject({ code: 1 });
});
