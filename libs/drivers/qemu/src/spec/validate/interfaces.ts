import { isIPv4 } from 'node:net';
import type { Violation } from '@virtmesh/base';
import { type Interface, InterfaceModel, PortProtocol, type UserNetwork } from '@virtmesh/contracts/domain/v1/interface';
import { interfaceDevice } from '../interface-device.ts';
import { nameIn, type Rule, type SpecContext, violation } from './rule.ts';

const macForm = /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/;
const bridgeForm = /^[A-Za-z0-9][A-Za-z0-9._-]{0,14}$/;
/** The largest packet of QEMU's user networking. */
const userMtuBytes = 1500;

export const interfaces: Rule = function* (spec, context) {
  const macs = new Map<string, number>();
  const ports = new HostPorts();
  for (const [index, device] of spec.interfaces.entries()) {
    const field = `interfaces[${index}]`;
    yield* model(device, field, context);
    yield* mac(device, field, macs, index);
    yield* mtu(device, field);
    if (!device.backend) yield violation(`${field}.backend`, 'is required: user networking, or a bridge of the node');
    else if (device.backend.$case === 'user') yield* forwards(device.backend.value, `${field}.user`, ports);
    else if (!bridgeForm.test(device.backend.value.bridge))
      yield violation(
        `${field}.bridge.bridge`,
        'must be the name of a bridge of the node: 1 to 15 characters of A-Z a-z 0-9 . _ -, beginning with a letter or digit',
      );
  }
};

function* model({ model }: Interface, field: string, { binary }: SpecContext): Generator<Violation> {
  const device = interfaceDevice(model);
  if (device !== undefined && !binary.devices.has(device))
    yield violation(`${field}.model`, `this node's QEMU has no ${device}; use another model`);
}

function* mac({ macAddress }: Interface, field: string, macs: Map<string, number>, index: number): Generator<Violation> {
  if (!macForm.test(macAddress)) yield violation(`${field}.mac_address`, 'must be six hex bytes with colons, such as 52:54:00:12:34:56');
  else if (Number.parseInt(macAddress.slice(0, 2), 16) % 2 === 1 || macAddress === '00:00:00:00:00:00')
    yield violation(`${field}.mac_address`, 'must be a unicast address: the first byte even, not all zero');
  const earlier = macs.get(macAddress);
  if (earlier === undefined) macs.set(macAddress, index);
  else yield violation(`${field}.mac_address`, `is also the address of interfaces[${earlier}]; leave it out to have one made`);
}

function* mtu({ mtuBytes, model, backend }: Interface, field: string): Generator<Violation> {
  if (mtuBytes === 0) return;
  if (mtuBytes < 68 || mtuBytes > 65_535) yield violation(`${field}.mtu_bytes`, 'must be 68 to 65535');
  else if (model !== InterfaceModel.VIRTIO)
    yield violation(
      `${field}.mtu_bytes`,
      `cannot be told to the guest by model ${nameIn(InterfaceModel, model)}; use VIRTIO, or set it in the guest`,
    );
  else if (backend?.$case === 'user' && mtuBytes > userMtuBytes)
    yield violation(`${field}.mtu_bytes`, `must be at most ${userMtuBytes} with user networking; use a bridge for more`);
}

function* forwards(user: UserNetwork, field: string, ports: HostPorts): Generator<Violation> {
  for (const [index, { protocol, hostAddress, hostPort, guestPort }] of user.forwards.entries()) {
    const at = `${field}.forwards[${index}]`;
    if (!isIPv4(hostAddress)) yield violation(`${at}.host_address`, 'must be an IPv4 address of the node, or 0.0.0.0 for all');
    if (!isPort(hostPort)) yield violation(`${at}.host_port`, 'must be 1 to 65535');
    if (!isPort(guestPort)) yield violation(`${at}.guest_port`, 'must be 1 to 65535');
    const earlier = ports.take(protocol, hostAddress, hostPort, at);
    if (earlier !== undefined)
      yield violation(
        `${at}.host_port`,
        `${nameIn(PortProtocol, protocol)} port ${hostPort} of ${hostAddress} is taken by ${earlier}; use another port`,
      );
  }
}

const isPort = (port: number): boolean => port >= 1 && port <= 65_535;

/** The node's ports that a definition listens on; 0.0.0.0 overlaps with every address. */
class HostPorts {
  readonly #taken = new Map<string, { readonly address: string; readonly field: string }[]>();

  /** Answers who has it already. */
  take(protocol: PortProtocol, address: string, port: number, field: string): string | undefined {
    const key = `${protocol}/${port}`;
    const others = this.#taken.get(key) ?? [];
    this.#taken.set(key, [...others, { address, field }]);
    return others.find((other) => other.address === address || other.address === '0.0.0.0' || address === '0.0.0.0')?.field;
  }
}
