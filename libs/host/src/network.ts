import { Fault } from '@virtmesh/base';
import type { HostNetwork, HostProcesses, InterfaceCounters, TapOrder, VethOrder } from '@virtmesh/driver-spi';
import { existsSync, readFileSync } from 'node:fs';
import { requiredProgram } from './processes.ts';
import { innerLines, NetworkNamespaces } from './network-namespaces.ts';

const interfaces = '/sys/class/net';
const interfaceName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,14}$/;
const aliasForm = /^[A-Za-z0-9][A-Za-z0-9:._-]{0,254}$/;

export function hostNetwork(processes: HostProcesses): HostNetwork {
  const batch = async (lines: readonly string[], signal: AbortSignal): Promise<void> => {
    const ip = requiredProgram('ip', 'iproute2');
    await processes.run(ip, ['-batch', '-'], { signal, input: `${lines.join('\n')}\n`, diesWithAgent: true });
  };
  const removeTaps = async (names: readonly string[], signal: AbortSignal): Promise<void> => {
    const present = names.map(checked).filter((name) => existsSync(`${interfaces}/${name}`));
    if (present.length > 0)
      await batch(
        present.map((name) => `link delete dev ${name}`),
        signal,
      );
  };
  const namespaces = new NetworkNamespaces(processes);
  return {
    exists: (name) => interfaceName.test(name) && existsSync(`${interfaces}/${name}`),
    setUp: (name, up, signal) => batch([`link set dev ${checked(name)} ${up ? 'up' : 'down'}`], signal),
    addVeth: (order, signal) => batch(vethLines(order, existsSync(`${interfaces}/${checked(order.name)}`)), signal),
    moveTo: (name, pid, signal) => batch([`link set dev ${checked(name)} netns ${Math.trunc(pid)}`], signal),
    takeBack: (name, pid, signal) => namespaces.batch(pid, [`link set dev ${checked(name)} netns ${process.pid}`], signal),
    setUpInner: (inner, signal) => {
      checked(inner.name);
      return namespaces.batch(inner.pid, innerLines(inner), signal);
    },
    inner: (pid, signal) => namespaces.look(pid, signal),
    neighbours: (signal) => namespaces.neighbours(signal),
    isBridge: async (name) => interfaceName.test(name) && existsSync(`${interfaces}/${name}/bridge`),
    addTaps: async (taps, signal) => {
      if (taps.length === 0) return;
      await removeTaps(
        taps.map((tap) => tap.name),
        signal,
      );
      await batch(taps.flatMap(tapLines), signal);
    },
    removeTaps,
    counters,
  };
}

/** A batch is a text, so that a name with a space in it would be more than a name. */
function checked(name: string): string {
  if (!interfaceName.test(name)) throw new Fault('INTERNAL_BUG', `not a name of a network interface: ${JSON.stringify(name)}`);
  return name;
}

function tapLines({ name, uid, bridge, mtuBytes, alias }: TapOrder): string[] {
  if (!aliasForm.test(alias)) throw new Fault('INTERNAL_BUG', `not an alias of a network interface: ${JSON.stringify(alias)}`);
  return [
    `tuntap add dev ${checked(name)} mode tap user ${uid}`,
    `link set dev ${name} alias ${alias}${mtuBytes > 0 ? ` mtu ${mtuBytes}` : ''} master ${checked(bridge)} up`,
  ];
}

const vethLines = ({ name, bridge, peer, mtuBytes }: VethOrder, isThere: boolean): string[] => {
  const mtu = mtuBytes > 0 ? ` mtu ${mtuBytes}` : '';
  if (!/^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/.test(peer.macAddress)) throw new Fault('INTERNAL_BUG', `not a MAC address: ${peer.macAddress}`);
  const made = `link add ${checked(name)}${mtu} type veth peer name ${checked(peer.name)}${mtu} address ${peer.macAddress} netns ${Math.trunc(peer.pid)}`;
  return [...(isThere ? [] : [made]), `link set dev ${name} master ${checked(bridge)} up`];
};

function counters(name: string): InterfaceCounters | undefined {
  if (!interfaceName.test(name)) return undefined;
  const read = (counter: string): bigint => BigInt(readFileSync(`${interfaces}/${name}/statistics/${counter}`, 'latin1').trim());
  try {
    return {
      receiveBytes: read('rx_bytes'),
      receivePackets: read('rx_packets'),
      receiveErrors: read('rx_errors'),
      receiveDrops: read('rx_dropped'),
      transmitBytes: read('tx_bytes'),
      transmitPackets: read('tx_packets'),
      transmitErrors: read('tx_errors'),
      transmitDrops: read('tx_dropped'),
    };
  } catch {
    return undefined;
  }
}
