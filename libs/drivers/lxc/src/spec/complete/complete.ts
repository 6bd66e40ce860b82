import { createHash } from 'node:crypto';
import { CapabilityPolicy, Container, ContainerCapabilities, ContainerInit, IdMapMode } from '@virtmesh/contracts/domain/v1/container';
import { Cpu } from '@virtmesh/contracts/domain/v1/cpu';
import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { GuestInterface, type Interface } from '@virtmesh/contracts/domain/v1/interface';
import { LifecycleAction, LifecycleActions } from '@virtmesh/contracts/domain/v1/lifecycle';
import { type GuestRef, nameDevices } from '@virtmesh/driver-spi';

/** The definition with everything filled in that can be before a start. Pure and stable; what is wrong is left as it is, for the validation to name. */
export function complete(given: DomainSpec, guest: GuestRef, profile: { readonly arch: string }): DomainSpec {
  // A deep copy, which the functions below then write into.
  const spec = DomainSpec.fromPartial(given);
  spec.arch ||= profile.arch;
  spec.cpu ??= Cpu.fromPartial({});
  spec.cpu.vcpus ||= 1;
  spec.cpu.maxVcpus ||= spec.cpu.vcpus;
  spec.lifecycle ??= LifecycleActions.fromPartial({});
  spec.lifecycle.onPoweroff ||= LifecycleAction.DESTROY;
  spec.lifecycle.onReboot ||= LifecycleAction.RESTART;
  completeContainer(spec);
  nameDevices(spec);
  completeInterfaces(spec.interfaces, guest.uid);
  return spec;
}

function completeContainer(spec: DomainSpec): void {
  const container = (spec.container ??= Container.fromPartial({}));
  container.init ??= ContainerInit.fromPartial({});
  container.init.path ||= '/sbin/init';
  container.init.workingDirectory ||= '/';
  container.capabilities ??= ContainerCapabilities.fromPartial({});
  const { capabilities, idMap } = container;
  capabilities.policy ||= CapabilityPolicy.UNSPECIFIED;
  if (idMap) idMap.mode ||= IdMapMode.IDMAPPED;
}

function completeInterfaces(interfaces: readonly Interface[], uid: string): void {
  const taken = new Set(interfaces.map(({ guest }) => guest?.name).filter((name) => name));
  let next = 0;
  for (const device of interfaces) {
    device.macAddress = device.macAddress === '' ? madeMac(uid, device.id) : device.macAddress.toLowerCase();
    device.guest ??= GuestInterface.fromPartial({});
    if (device.guest.name !== '') continue;
    while (taken.has(`eth${next}`)) next += 1;
    device.guest.name = `eth${next}`;
    taken.add(device.guest.name);
  }
}

/** The same domain and interface give the same address on every node, so that it needs no register. The prefix is Xensource's, as LXC's own template has it. */
function madeMac(domainUid: string, interfaceId: string): string {
  const digest = createHash('sha256').update(`${domainUid}/${interfaceId}`).digest('hex');
  return `00:16:3e:${digest.slice(0, 2)}:${digest.slice(2, 4)}:${digest.slice(4, 6)}`;
}
