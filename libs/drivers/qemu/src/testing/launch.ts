import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { Firmware } from '@virtmesh/contracts/domain/v1/boot';
import type { GuestRef } from '@virtmesh/driver-spi';
import { layoutOf } from '../argv/layout.ts';
import type { LaunchInput } from '../launch.ts';
import type { Accelerators, BinaryProfile } from '../probe/profile.ts';
import { complete } from '../spec/complete/complete.ts';
import { chooseAccelerator, forAccelerator } from '../spec/for-accelerator.ts';
import { recordedBinary, tcgAlone } from './recorded.ts';

export const guest: GuestRef = { uid: '6f1c5f0e-5d51-4c2b-9d5e-0b7c1a2d3e4f', id: 'web-1' };

export interface LaunchChoices {
  readonly binary?: BinaryProfile;
  readonly accelerators?: Accelerators;
  readonly overrides?: Partial<LaunchInput>;
}

/** A launch as a start makes it: the definition completed, ports and context ids chosen, and descriptors from 10 on for logs. */
export function launchOf(
  given: DomainSpec,
  { binary = recordedBinary, accelerators = tcgAlone, overrides = {} }: LaunchChoices = {},
): LaunchInput {
  const completed = complete(given, guest, binary);
  const accelerator = chooseAccelerator(completed, accelerators);
  const spec = withChoices(forAccelerator(completed, accelerator));
  return {
    guest,
    spec,
    accelerator: accelerator.name,
    layout: layoutOf(spec),
    incoming: false,
    binary,
    paths: { runDir: '/run/virtmesh/g', socket: (id) => `/run/virtmesh/g/${id}.sock`, nvram: '/var/lib/virtmesh/nvram/g.fd' },
    fds: { qmp: 3, logs: Object.fromEntries([...spec.serials, ...spec.consoles].map(({ id }, index) => [id, 10 + index])) },
    taps: Object.fromEntries(
      spec.interfaces.filter(({ backend }) => backend?.$case === 'bridge').map(({ id }, index) => [id, `vm${index}`]),
    ),
    vncPasswords: new Set(
      spec.graphics.filter(({ protocol }) => protocol?.value.password || protocol?.value.passwordSet).map(({ id }) => id),
    ),
    uefi:
      spec.boot?.firmware === Firmware.UEFI
        ? {
            code: `/usr/share/OVMF/OVMF_CODE_4M${spec.boot.secureBoot ? '.ms' : ''}.fd`,
            template: `/usr/share/OVMF/OVMF_VARS_4M${spec.boot.secureBoot ? '.ms' : ''}.fd`,
          }
        : undefined,
    now: new Date('2026-01-02T03:04:05Z'),
    ...overrides,
  };
}

function withChoices(given: DomainSpec): DomainSpec {
  const spec = DomainSpec.fromPartial(given);
  for (const [index, { protocol }] of spec.graphics.entries())
    if (protocol && protocol.value.port === 0) protocol.value.port = 5901 + index;
  if (spec.vsock && spec.vsock.cid === 0n) spec.vsock.cid = 3n;
  return spec;
}
