import { readFile } from 'node:fs/promises';
import { experimental, ServerCredentials } from '@grpc/grpc-js';
import { Fault } from '@virtmesh/base';
import type { Logger } from '../log.ts';

/** Paths of PEM files. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

/** Credentials of a server that lets in only clients with a certificate of the given authority. */
export async function tlsServerCredentials(files: TlsFiles, _log: Logger): Promise<ServerCredentials> {
  void experimental;
  const [ca, cert, key] = await Promise.all([readPem(files.ca), readPem(files.cert), readPem(files.key)]);
  return ServerCredentials.createSsl(ca, [{ cert_chain: cert, private_key: key }], true);
}

async function readPem(path: string): Promise<Buffer> {
  return await readFile(path).catch((thrown: unknown) => {
    throw new Fault('HOST_INCOMPATIBLE', `${path} cannot be read: ${thrown instanceof Error ? thrown.message : String(thrown)}`, { path }, { cause: thrown });
  });
}
