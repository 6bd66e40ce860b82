import { createHash } from 'node:crypto';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { Interface } from '@virtmesh/contracts/domain/v1/interface';
import { type ConfigLine, lines } from './config-line.ts';

/** The name of the node's end of an interface: the same at each start, so that it can be found again, and within the kernel's 15 characters. */
export const vethName = (uid: string, interfaceId: string): string =>
  `vm${createHash('sha256').update(`${uid}/${interfaceId}`).digest('hex').slice(0, 12)}`;

/** The container's network: its interfaces, the node's that are moved into it, or nothing but its own loopback. */
export function networkLines(uid: string, spec: DomainSpec): ConfigLine[] {
  if (spec.container?.namespaces?.network?.source) return [];
  const moved = spec.hostDevices.flatMap(({ source }) => (source?.$case === 'networkInterface' ? [source.value] : []));
  const networks = [
    ...spec.interfaces.map((device) => vethSettings(uid, device)),
    ...moved.map((name) => [`type=phys`, `link=${name}`, `name=${name}`, 'flags=up']),
  ];
  if (networks.length === 0) return lines({ 'lxc.net.0.type': 'empty', 'lxc.net.0.flags': 'up' });
  return networks.flatMap((settings, index) =>
    settings.map((setting) => {
      const at = setting.indexOf('=');
      return { key: `lxc.net.${index}.${setting.slice(0, at)}`, value: setting.slice(at + 1) };
    }),
  );
}

function vethSettings(uid: string, { id, backend, macAddress, mtuBytes, guest }: Interface): string[] {
  if (backend?.$case !== 'bridge') return [];
  return [
    'type=veth',
    `link=${backend.value.bridge}`,
    `veth.pair=${vethName(uid, id)}`,
    `hwaddr=${macAddress}`,
    `name=${guest?.name ?? ''}`,
    ...(mtuBytes > 0 ? [`mtu=${mtuBytes}`] : []),
    'flags=up',
    ...(guest?.addresses ?? []).map((address) => `${address.includes(':') ? 'ipv6' : 'ipv4'}.address=${address}`),
    ...(guest?.ipv4Gateway ? [`ipv4.gateway=${guest.ipv4Gateway}`] : []),
    ...(guest?.ipv6Gateway ? [`ipv6.gateway=${guest.ipv6Gateway}`] : []),
  ];
}
