import type { Rng } from '@virtmesh/contracts/domain/v1/rng';
import { WatchdogModel } from '@virtmesh/contracts/domain/v1/watchdog';
import { qemuIds } from '../launch.ts';
import { device, deviceArguments, type DeviceProperties, json } from './arguments.ts';
import { addressOf, type Builder, incomplete } from './context.ts';
import type { DeviceAddress } from './layout.ts';

export const rngs: Builder = (context) =>
  context.spec.rngs.flatMap((rng) => [...json('-object', rngObject(rng)), ...deviceArguments(rngDevice(rng, addressOf(context, rng.id)))]);

/** Where a random number generator has its bytes from. */
export const rngObject = ({ id }: Rng) => ({ 'qom-type': 'rng-random', id: qemuIds.rng(id), filename: '/dev/urandom' });

export const rngDevice = ({ id, rateBytes, periodMs }: Rng, address: DeviceAddress): DeviceProperties => ({
  driver: 'virtio-rng-pci',
  id: qemuIds.device(id),
  ...address,
  rng: qemuIds.rng(id),
  'max-bytes': rateBytes > 0n ? Number(rateBytes) : undefined,
  period: periodMs,
});

/** What it does is among the actions of the guest's life. */
export const watchdog: Builder = ({ spec, controller }) => {
  if (!spec.watchdog) return [];
  const id = qemuIds.device(spec.watchdog.id);
  return spec.watchdog.model === WatchdogModel.IB700 ? device('ib700', { id }) : device('i6300esb', { id, ...controller('watchdog') });
};

export const vsock: Builder = ({ spec, controller }) => {
  if (!spec.vsock) return [];
  const { id, cid } = spec.vsock;
  return device('vhost-vsock-pci', {
    id: qemuIds.device(id),
    ...controller('vsock'),
    'guest-cid': cid > 0n ? Number(cid) : incomplete(`context id of ${id}`),
  });
};
