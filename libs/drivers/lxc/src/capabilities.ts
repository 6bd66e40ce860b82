import { Fault } from '@virtmesh/base';
import { logKeeperProgram } from '@virtmesh/driver-support';
import { type Availability, DomainCapabilities } from '@virtmesh/contracts/domain/v1/capabilities';
import type { HostProfile } from './probe/profile.ts';

const available = (name: string): Availability => ({ name, available: true, why: '' });

/** What definitions can have here. Pure. HOST_INCOMPATIBLE for an architecture or machine type: a container runs on the node's own. */
export function containerCapabilities(
  profile: HostProfile,
  query: { readonly arch: string; readonly machine: string },
): DomainCapabilities {
  if (query.arch !== '' && query.arch !== profile.arch)
    throw new Fault(
      'HOST_INCOMPATIBLE',
      `containers run on the node's kernel, which is ${profile.arch}, not ${query.arch}; ask for that, or another node`,
      { arch: query.arch },
    );
  if (query.machine !== '')
    throw new Fault(
      'HOST_INCOMPATIBLE',
      `containers have no machine type such as ${JSON.stringify(query.machine.slice(0, 100))}; leave it out`,
      { machine: query.machine.slice(0, 100) },
    );
  return DomainCapabilities.fromPartial({
    hypervisor: 'lxc',
    arch: profile.arch,
    binaryPath: profile.tools.start,
    version: profile.version,
    maxVcpus: profile.cpus,
    devices: [
      ...['filesystem.directory', 'filesystem.image', 'filesystem.device', 'filesystem.ram', 'filesystem.scratch'].map(available),
      ...['interface.bridge', 'host-device.block', 'host-device.character', 'host-device.network-interface'].map(available),
      ...['container.id-map', 'container.namespaces'].map(available),
      profile.logKeeper === undefined
        ? {
            name: 'console',
            available: false,
            why: `the program ${logKeeperProgram.name} is not installed; install the package ${logKeeperProgram.package}`,
          }
        : available('console'),
    ],
  });
}
