import { Fault } from '@virtmesh/base';
import { Firmware } from '@virtmesh/contracts/domain/v1/boot';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { Host } from '@virtmesh/driver-spi';
import type { LaunchInput } from '../launch.ts';
import { chooseUefi, findUefi, uefiMissing } from '../probe/firmware.ts';

/** The UEFI files for a definition; undefined for one that boots otherwise. Looked for at each start, so that what was installed since is found. */
export async function uefiFor(host: Host, spec: DomainSpec): Promise<LaunchInput['uefi']> {
  if (spec.boot?.firmware !== Firmware.UEFI) return undefined;
  const wanted = { arch: spec.arch, machine: spec.machine, secureBoot: spec.boot.secureBoot };
  const found = chooseUefi(await findUefi(host), wanted);
  if (!found)
    throw new Fault('HOST_INCOMPATIBLE', uefiMissing(wanted), {
      field: 'spec.boot.firmware',
      ...wanted,
      secureBoot: String(wanted.secureBoot),
    });
  return found;
}
