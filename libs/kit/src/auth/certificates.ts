import 'reflect-metadata';
import { createPrivateKey, randomBytes, webcrypto, X509Certificate as NodeCertificate } from 'node:crypto';
import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { type Clock, Fault, systemClock } from '@virtmesh/base';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  type JsonGeneralName,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { parseIdentity } from './identity.ts';

// Certificates for development and tests. A production installation brings its own authority.

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const dayMs = 86_400_000;
const caDays = 3650;
const leafDays = 90;
/** A certificate that ends sooner than this is made anew. */
const renewBeforeMs = 30 * dayMs;

export interface CertificateFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export interface CertificateRequest {
  /** `virtmesh://node/n1`, `virtmesh://service/domain-svc` or `virtmesh://user/alice`. */
  readonly identity: string;
  /** Further identities, such as other nodes that one agent answers as. */
  readonly otherIdentities?: readonly string[];
  /** Host names and addresses by which clients reach it as a server. */
  readonly hosts?: readonly string[];
  /** The file name without extension; `{kind}-{name}` if left out. */
  readonly fileName?: string;
}

export interface CertificateOptions {
  /** Where `ca.crt`, `ca.key` and the certificates stand; made with 0700 if it is not there. */
  readonly directory: string;
  readonly clock?: Clock;
}

/**
 * Makes a certificate of the development authority in `directory`, and that authority first if there is none. What is
 * there and still good stays as it is. Keys are EC P-256 in files of mode 0600. Not to be called for one directory twice at
 * a time: use `ensureCertificates` for several.
 */
export async function ensureCertificate(request: CertificateRequest, options: CertificateOptions): Promise<CertificateFiles> {
  const clock = options.clock ?? systemClock;
  const identity = parseIdentity(request.identity);
  if (identity === undefined)
    throw new Fault(
      'NAME_INVALID',
      `${request.identity} is not an identity; it must be virtmesh://node/NAME, virtmesh://service/NAME or virtmesh://user/NAME`,
      { identity: request.identity },
    );
  const base = join(options.directory, request.fileName ?? `${identity.kind}-${identity.name}`);
  const files: CertificateFiles = { ca: join(options.directory, 'ca.crt'), cert: `${base}.crt`, key: `${base}.key` };
  const authority = await ensureAuthority(options.directory, clock);
  if (!(await isGood(files, request, authority.certificate, clock))) await issue(files, request, authority, clock);
  return files;
}

/** Makes several certificates, one after the other. */
export async function ensureCertificates(
  requests: readonly CertificateRequest[],
  options: CertificateOptions,
): Promise<CertificateFiles[]> {
  const files: CertificateFiles[] = [];
  for (const request of requests) files.push(await ensureCertificate(request, options));
  return files;
}

interface Authority {
  readonly certificate: X509Certificate;
  readonly privateKey: webcrypto.CryptoKey;
}

async function ensureAuthority(directory: string, clock: Clock): Promise<Authority> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const paths = { cert: join(directory, 'ca.crt'), key: join(directory, 'ca.key') };
  const [cert, key] = await Promise.all([readText(paths.cert), readText(paths.key)]);
  if (cert !== undefined && key !== undefined) {
    const certificate = new X509Certificate(cert);
    const lasts = certificate.notAfter.getTime() - clock.now().getTime() > renewBeforeMs;
    if (lasts && new NodeCertificate(cert).checkPrivateKey(createPrivateKey(key))) return { certificate, privateKey: await importKey(key) };
  }
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: 'CN=virtmesh development authority',
    ...validity(clock, caDays),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  await writeKey(paths.key, keys.privateKey);
  await writeWhole(paths.cert, `${certificate.toString('pem')}\n`, 0o644);
  return { certificate, privateKey: keys.privateKey };
}

async function issue(files: CertificateFiles, request: CertificateRequest, authority: Authority, clock: Clock): Promise<void> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const names = alternativeNames(request);
  const extensions: Extension[] = [
    new BasicConstraintsExtension(false, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    new ExtendedKeyUsageExtension([
      ExtendedKeyUsage.clientAuth,
      ...(names.some((name) => name.type !== 'url') ? [ExtendedKeyUsage.serverAuth] : []),
    ]),
    new SubjectAlternativeNameExtension(names),
    await SubjectKeyIdentifierExtension.create(keys.publicKey),
    await AuthorityKeyIdentifierExtension.create(authority.certificate),
  ];
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: [{ CN: [parseIdentity(request.identity)?.name ?? ''] }],
    issuer: authority.certificate.subject,
    ...validity(clock, leafDays),
    signingAlgorithm: algorithm,
    publicKey: keys.publicKey,
    signingKey: authority.privateKey,
    extensions,
  });
  await writeKey(files.key, keys.privateKey);
  await writeWhole(files.cert, `${certificate.toString('pem')}\n`, 0o644);
}

function alternativeNames(request: CertificateRequest): JsonGeneralName[] {
  const identities = [request.identity, ...(request.otherIdentities ?? [])].map((value): JsonGeneralName => ({ type: 'url', value }));
  const hosts = (request.hosts ?? []).map((value): JsonGeneralName => ({ type: isIP(value) === 0 ? 'dns' : 'ip', value }));
  return [...identities, ...hosts];
}

/** Whether the files hold a certificate for the same names, of this authority, with its key, that lasts a while yet. */
async function isGood(files: CertificateFiles, request: CertificateRequest, authority: X509Certificate, clock: Clock): Promise<boolean> {
  const [cert, key] = await Promise.all([readText(files.cert), readText(files.key)]);
  if (cert === undefined || key === undefined) return false;
  try {
    const certificate = new X509Certificate(cert);
    const named = certificate.getExtension(SubjectAlternativeNameExtension)?.names.items.map((name) => `${name.type}:${name.value}`) ?? [];
    const wanted = alternativeNames(request).map((name) => `${name.type}:${name.value}`);
    const issuer = new NodeCertificate(Buffer.from(authority.rawData));
    const mine = new NodeCertificate(cert);
    const lasts = certificate.notAfter.getTime() - clock.now().getTime() > renewBeforeMs;
    return lasts && named.join() === wanted.join() && mine.verify(issuer.publicKey) && mine.checkPrivateKey(createPrivateKey(key));
  } catch {
    return false;
  }
}

function validity(clock: Clock, days: number): { notBefore: Date; notAfter: Date } {
  const now = clock.now().getTime();
  // Some hosts' clocks are a little behind.
  return { notBefore: new Date(now - 3_600_000), notAfter: new Date(now + days * dayMs) };
}

/** Positive, as the standard asks. */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString('hex');
}

async function importKey(pem: string): Promise<webcrypto.CryptoKey> {
  const [der] = PemConverter.decode(pem);
  if (der === undefined)
    throw new Fault('HOST_INCOMPATIBLE', 'the key of the development authority is not PEM; remove ca.crt and ca.key to make a new one');
  return await webcrypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign']);
}

async function writeKey(path: string, key: webcrypto.CryptoKey): Promise<void> {
  const der = await webcrypto.subtle.exportKey('pkcs8', key);
  await writeWhole(path, `${PemConverter.encode(der, 'PRIVATE KEY')}\n`, 0o600);
}

/** Replaces a file in one step, so that who reads it sees the former or the new one. */
async function writeWhole(path: string, text: string, mode: number): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  await writeFile(temporary, text, { mode });
  await chmod(temporary, mode);
  await rename(temporary, path);
}

async function readText(path: string): Promise<string | undefined> {
  return await readFile(path, 'utf8').catch(() => undefined);
}
