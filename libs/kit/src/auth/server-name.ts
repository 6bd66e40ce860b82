import { isIP } from 'node:net';

const suffix = '.ip.virtmesh.invalid';

/**
 * The TLS server name for an address by IP, undefined for one by name. TLS knows no server names that are IP addresses and
 * Node warns of them, so that the address travels to the check of the certificate inside a name that nobody has.
 */
export function serverNameFor(address: string): string | undefined {
  const host = /^(?:\[([^\]]+)\]|([^:/]+)):\d+$/.exec(address);
  const ip = host?.[1] ?? host?.[2];
  // Not asked of a unix socket: the first question takes Node several milliseconds.
  return ip === undefined || isIP(ip) === 0 ? undefined : `${Buffer.from(ip).toString('hex')}${suffix}`;
}

/** The host that a certificate is checked against, from the TLS server name. */
export function hostOfServerName(name: string): string {
  return name.endsWith(suffix) ? Buffer.from(name.slice(0, -suffix.length), 'hex').toString() : name;
}
