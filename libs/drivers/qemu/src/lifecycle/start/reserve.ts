import { Fault } from '@virtmesh/base';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { GuestRef } from '@virtmesh/driver-spi';
import { logKeeperProgram } from '@virtmesh/driver-support';
import type { DriverContext } from '../../context.ts';
import type { AcceleratorProfile } from '../../probe/profile.ts';
import { chooseAccelerator, forAccelerator } from '../../spec/for-accelerator.ts';

/** What was chosen for a guest that starts. */
export interface Reservation {
  /** The definition with the choices in it. */
  readonly spec: DomainSpec;
  readonly accelerator: AcceleratorProfile;
  readonly user: number | undefined;
  readonly ports: readonly number[];
  readonly cid: bigint | undefined;
}

/** Claims what guests cannot share: memory, a user, ports, a context id. Nothing of the host is changed. */
export async function reserve(context: DriverContext, guest: GuestRef, given: DomainSpec): Promise<Reservation> {
  const accelerator = chooseAccelerator(given, context.accelerators);
  const spec = forAccelerator(given, accelerator);
  requireLogKeeper(context, spec);
  context.claims.claimMemory(guest.uid, spec.memory?.sizeBytes ?? 0n);
  const user = await context.claims.claimUser(guest.uid);
  const ports = await choosePorts(context, guest, spec);
  const cid = spec.vsock ? chooseCid(context, guest, spec.vsock) : undefined;
  return { spec, accelerator, user, ports, cid };
}

function requireLogKeeper(context: DriverContext, spec: DomainSpec): void {
  if (context.logKeeper || spec.serials.length + spec.consoles.length === 0) return;
  throw new Fault(
    'HOST_INCOMPATIBLE',
    `the program ${logKeeperProgram.name}, which keeps the logs of serial ports and consoles, is not installed on the node; install the package ${logKeeperProgram.package}`,
    { program: logKeeperProgram.name, package: logKeeperProgram.package },
  );
}

/** Fills in the VNC ports that are left open, and checks those that are given. */
async function choosePorts(context: DriverContext, guest: GuestRef, spec: DomainSpec): Promise<readonly number[]> {
  const ports: number[] = [];
  for (const [index, { protocol }] of spec.graphics.entries()) {
    if (!protocol) continue;
    const vnc = protocol.value;
    const field = `spec.graphics[${index}].vnc.port`;
    if (vnc.port === 0) vnc.port = await freePort(context, guest, vnc.listenAddress, ports);
    else if (
      ports.includes(vnc.port) ||
      context.claims.isPortClaimed(guest.uid, vnc.port) ||
      !(await isFree(context, vnc.listenAddress, vnc.port))
    ) {
      throw new Fault('RESOURCE_IN_USE', `${field}: port ${vnc.port} of ${vnc.listenAddress} is in use; leave it out for a free one`, {
        field,
        address: vnc.listenAddress,
        port: String(vnc.port),
      });
    }
    ports.push(vnc.port);
    context.claims.add(guest.uid, { ports: [...ports] });
  }
  return ports;
}

async function freePort(context: DriverContext, guest: GuestRef, address: string, own: readonly number[]): Promise<number> {
  const { first, last } = context.vncPorts;
  for (let port = first; port <= last; port += 1) {
    if (own.includes(port) || context.claims.isPortClaimed(guest.uid, port)) continue;
    // Claimed before it is tried, so that a start beside this one does not try it too.
    context.claims.add(guest.uid, { ports: [...own, port] });
    if (await isFree(context, address, port)) return port;
  }
  throw new Fault('ADDRESS_EXHAUSTED', `no port from ${first} to ${last} is free for VNC; end a guest, or widen the agent's range`, {
    first: String(first),
    last: String(last),
  });
}

async function isFree(context: DriverContext, address: string, port: number): Promise<boolean> {
  try {
    return await context.host.sockets.isFree(address, port);
  } catch (thrown) {
    const words = thrown instanceof Error ? thrown.message : String(thrown);
    throw new Fault(
      'HOST_INCOMPATIBLE',
      `the node cannot listen on ${address}: ${words}; use one of its own addresses`,
      { address, port: String(port) },
      { cause: thrown },
    );
  }
}

function chooseCid(context: DriverContext, guest: GuestRef, vsock: NonNullable<DomainSpec['vsock']>): bigint {
  if (vsock.cid === 0n) vsock.cid = context.claims.claimCid(guest.uid);
  else if (context.claims.isCidClaimed(guest.uid, vsock.cid))
    throw new Fault('RESOURCE_IN_USE', `spec.vsock.cid: another guest has the context id ${vsock.cid}; leave it out for a free one`, {
      field: 'spec.vsock.cid',
      cid: String(vsock.cid),
    });
  else context.claims.add(guest.uid, { cid: vsock.cid });
  return vsock.cid;
}
