import { Fault } from '@virtmesh/base';
import type { HostProcesses, InnerInterface, InterfaceLook, Neighbour } from '@virtmesh/driver-spi';
import { isIP } from 'node:net';
import { requiredProgram } from './processes.ts';

/** What is asked of the network namespace of a process; by tools, since Node cannot enter one. */
export class NetworkNamespaces {
  readonly #processes: HostProcesses;

  constructor(processes: HostProcesses) {
    this.#processes = processes;
  }

  /** Runs a batch of `ip` in the namespace. */
  async batch(pid: number, lines: readonly string[], signal: AbortSignal): Promise<void> {
    const input = `${lines.join('\n')}\n`;
    await this.#processes.run(nsenter(), [...inNetworkOf(pid), ip(), '-batch', '-'], { signal, input, diesWithAgent: true });
  }

  async look(pid: number, signal: AbortSignal): Promise<readonly InterfaceLook[]> {
    const { stdout } = await this.#processes.run(nsenter(), [...inNetworkOf(pid), ip(), '-json', 'address', 'show'], { signal });
    return parseAddresses(stdout);
  }

  async neighbours(signal: AbortSignal): Promise<readonly Neighbour[]> {
    const { stdout } = await this.#processes.run(ip(), ['-json', 'neighbour', 'show'], { signal });
    return parseNeighbours(stdout);
  }
}

/** The lines of a batch that set up an interface, and put it up. A router need not be in a network of its addresses, as where LXC sets it up. */
export function innerLines({ name, addresses, gateways }: InnerInterface): readonly string[] {
  return [
    ...addresses.map((address) => `address replace ${prefix(address)} dev ${name}`),
    `link set dev ${name} up`,
    ...gateways.map((gateway) => `${isIP(gateway) === 6 ? '-6 ' : ''}route replace default via ${address(gateway)} dev ${name} onlink`),
  ];
}

const ip = (): string => requiredProgram('ip', 'iproute2');
const nsenter = (): string => requiredProgram('nsenter', 'util-linux');
const inNetworkOf = (pid: number): readonly string[] => [`--net=/proc/${Math.trunc(pid)}/ns/net`, '--'];

function address(text: string): string {
  if (isIP(text) === 0) throw new Fault('INTERNAL_BUG', `not an address: ${JSON.stringify(text)}`);
  return text;
}

function prefix(text: string): string {
  const [host = '', length = ''] = text.split('/', 2);
  if (!/^\d{1,3}$/.test(length)) throw new Fault('INTERNAL_BUG', `not an address with its prefix length: ${JSON.stringify(text)}`);
  return `${address(host)}/${length}`;
}

interface AddressJson {
  readonly ifname?: string;
  readonly address?: string;
  readonly addr_info?: readonly { readonly local?: string; readonly prefixlen?: number }[];
}

/** Reads what `ip -json address show` writes. */
export const parseAddresses = (json: string): readonly InterfaceLook[] =>
  (JSON.parse(json || '[]') as readonly AddressJson[]).flatMap(({ ifname, address: macAddress = '', addr_info: addresses = [] }) =>
    ifname === undefined
      ? []
      : [
          {
            name: ifname,
            macAddress,
            addresses: addresses.flatMap(({ local, prefixlen }) => (local === undefined ? [] : [`${local}/${prefixlen ?? 0}`])),
          },
        ],
  );

/** Reads what `ip -json neighbour show` writes; those whose MAC address is not known are left out. */
export const parseNeighbours = (json: string): readonly Neighbour[] =>
  (JSON.parse(json || '[]') as readonly { readonly dst?: string; readonly lladdr?: string }[]).flatMap(({ dst, lladdr }) =>
    dst === undefined || lladdr === undefined ? [] : [{ address: dst, macAddress: lladdr.toLowerCase() }],
  );
