import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { parseIdentity, tlsChannelCredentials } from '@virtmesh/kit/client';
import { invalid } from '../target.ts';
import { hostPort } from './host-port.ts';
import type { Transport, TransportContext } from './transport.ts';

/** Where a user's certificates stand: `ca.crt`, `client.crt` and `client.key` in `$VIRTMESH_PKI`, else in `$XDG_CONFIG_HOME/virtmesh/pki`. */
export function pkiDirectory(env: TransportContext['env']): string {
  const named = env['VIRTMESH_PKI'];
  if (named !== undefined && named !== '') return named;
  const config = env['XDG_CONFIG_HOME'];
  return join(config !== undefined && config !== '' ? config : join(env['HOME'] ?? homedir(), '.config'), 'virtmesh', 'pki');
}

/** mTLS: the user is who the certificate says. */
export const tls: Transport<'tls'> = {
  kind: 'tls',
  route(target, { uri, env, log }) {
    const directory = pkiDirectory(env);
    const files = {
      ca: target.ca ?? join(directory, 'ca.crt'),
      cert: target.cert ?? join(directory, 'client.crt'),
      key: target.key ?? join(directory, 'client.key'),
    };
    for (const [parameter, path] of Object.entries(files)) {
      if (!existsSync(path))
        throw invalid(
          uri,
          `there is no ${path}; name the file by the parameter ${parameter}, or the directory of ca.crt, client.crt and client.key by VIRTMESH_PKI`,
        );
    }
    const { identity } = target;
    if (identity !== undefined && parseIdentity(identity) === undefined)
      throw invalid(uri, 'the parameter identity must be of the form virtmesh://service/NAME or virtmesh://node/NAME');
    const credentials = tlsChannelCredentials({ ...files, log, ...(identity === undefined ? {} : { serverIdentity: identity }) });
    return { address: hostPort(target), credentials, explain: () => Promise.resolve(undefined) };
  },
};
