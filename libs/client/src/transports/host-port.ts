import { isIP } from 'node:net';

/** `host:port`, with an IPv6 address in brackets. */
export function hostPort({ host, port }: { readonly host: string; readonly port: number }): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;
}
