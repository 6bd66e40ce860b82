import { createPrivateKey, X509Certificate } from 'node:crypto';
import { type FSWatcher, readFileSync, watch } from 'node:fs';
import { dirname } from 'node:path';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import { type ChannelCredentials, experimental, type ServerCredentials } from '@grpc/grpc-js';
import { Fault } from '@virtmesh/base';
import type { Logger } from '../log.ts';
import { identitiesOf } from './identity.ts';
import { hostOfServerName } from './server-name.ts';

/** Paths of PEM files. They are read again when they change. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
  /** The authority that the other side's certificate must be signed by. */
  readonly ca: string;
}

/** Where it is told that certificates were replaced. */
export type CertificateLog = Pick<Logger, 'info' | 'warn'>;

/** Credentials of a server that lets in only clients with a certificate of the given authority. HOST_INCOMPATIBLE if the files are not good. */
export function tlsServerCredentials(files: TlsFiles, log: CertificateLog): ServerCredentials {
  const provider = new PemFiles(files, log);
  return experimental.createCertificateProviderServerCredentials(provider, provider, true);
}

export interface TlsClientOptions extends TlsFiles {
  /** The identity that the server's certificate must name, such as `virtmesh://node/n1`; the host name is checked if left out. */
  readonly serverIdentity?: string;
  readonly log: CertificateLog;
}

/** Credentials of a client that shows its certificate. HOST_INCOMPATIBLE if the files are not good. */
export function tlsChannelCredentials(options: TlsClientOptions): ChannelCredentials {
  const provider = new PemFiles(options, options.log);
  const { serverIdentity } = options;
  const verify = {
    checkServerIdentity: (name: string, certificate: PeerCertificate): Error | undefined => {
      if (serverIdentity === undefined) return checkServerIdentity(hostOfServerName(name), certificate);
      const named = identitiesOf(certificate.subjectaltname).map((identity) => identity.uri);
      return named.includes(serverIdentity)
        ? undefined
        : new Error(`the server's certificate is of ${named.join(', ') || 'no identity'}, not of ${serverIdentity}`);
    },
  };
  return experimental.createCertificateProviderChannelCredentials(provider, provider, verify);
}

interface Pems {
  readonly ca: Buffer;
  readonly certificate: Buffer;
  readonly privateKey: Buffer;
}

/** How long after a change the files are read, so that a certificate and its key have both been replaced. */
const settleMs = 200;

/** Gives grpc-js the files' contents, now and after each change that leaves them whole. */
class PemFiles implements experimental.CertificateProvider {
  readonly #files: TlsFiles;
  readonly #log: CertificateLog;
  readonly #caListeners = new Set<experimental.CaCertificateUpdateListener>();
  readonly #identityListeners = new Set<experimental.IdentityCertificateUpdateListener>();
  #pems: Pems;
  #watchers: FSWatcher[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(files: TlsFiles, log: CertificateLog) {
    this.#files = files;
    this.#log = log;
    this.#pems = readPems(files);
  }

  addCaCertificateListener(listener: experimental.CaCertificateUpdateListener): void {
    this.#caListeners.add(listener);
    this.#watch();
    process.nextTick(listener, { caCertificate: this.#pems.ca });
  }

  removeCaCertificateListener(listener: experimental.CaCertificateUpdateListener): void {
    this.#caListeners.delete(listener);
    this.#watch();
  }

  addIdentityCertificateListener(listener: experimental.IdentityCertificateUpdateListener): void {
    this.#identityListeners.add(listener);
    this.#watch();
    process.nextTick(listener, this.#pems);
  }

  removeIdentityCertificateListener(listener: experimental.IdentityCertificateUpdateListener): void {
    this.#identityListeners.delete(listener);
    this.#watch();
  }

  /** Watches while somebody listens. Directories, since a replaced file is another file. */
  #watch(): void {
    const wanted = this.#caListeners.size + this.#identityListeners.size > 0;
    if (wanted === this.#watchers.length > 0) return;
    if (wanted) {
      const directories = new Set([this.#files.ca, this.#files.cert, this.#files.key].map((path) => dirname(path)));
      this.#watchers = [...directories].map((directory) =>
        watch(directory, { persistent: false }, () => this.#changed()).on('error', (thrown) =>
          this.#log.warn({ directory, err: thrown }, 'certificates are not watched any more'),
        ),
      );
    } else {
      for (const watcher of this.#watchers.splice(0)) watcher.close();
      clearTimeout(this.#timer);
    }
  }

  #changed(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#reload(), settleMs).unref();
  }

  #reload(): void {
    let pems: Pems;
    try {
      pems = readPems(this.#files);
    } catch (thrown) {
      this.#log.warn({ err: thrown }, 'the changed certificates cannot be used; the former ones stay in use');
      return;
    }
    if (pems.ca.equals(this.#pems.ca) && pems.certificate.equals(this.#pems.certificate) && pems.privateKey.equals(this.#pems.privateKey))
      return;
    this.#pems = pems;
    this.#log.info({ cert: this.#files.cert }, 'changed certificates are in use');
    for (const listener of this.#caListeners) listener({ caCertificate: pems.ca });
    for (const listener of this.#identityListeners) listener(pems);
  }
}

function readPems(files: TlsFiles): Pems {
  const pems = { ca: readPem(files.ca), certificate: readPem(files.cert), privateKey: readPem(files.key) };
  parsed(files.ca, () => new X509Certificate(pems.ca));
  const certificate = parsed(files.cert, () => new X509Certificate(pems.certificate));
  const key = parsed(files.key, () => createPrivateKey(pems.privateKey));
  if (!certificate.checkPrivateKey(key)) throw unusable(files.key, `is not the key of ${files.cert}`);
  return pems;
}

function readPem(path: string): Buffer {
  return parsed(path, () => readFileSync(path));
}

function parsed<T>(path: string, parse: () => T): T {
  try {
    return parse();
  } catch (thrown) {
    throw unusable(path, thrown instanceof Error ? thrown.message : String(thrown));
  }
}

function unusable(path: string, why: string): Fault {
  return new Fault('HOST_INCOMPATIBLE', `the certificate file ${path} cannot be used: ${why}`, { path, why });
}
