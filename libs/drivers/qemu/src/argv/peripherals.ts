import { WatchdogModel } from '@virtmesh/contracts/domain/v1/watchdog';
import { qemuIds } from '../launch.ts';
import { device, json } from './arguments.ts';
import { addressOf, type Builder, incomplete } from './context.ts';

export const rngs: Builder = (context) =>
  context.spec.rngs.flatMap(({ id, rateBytes, periodMs }) => [
    ...json('-object', { 'qom-type': 'rng-random', id: `rng-${id}`, filename: '/dev/urandom' }),
    ...device('virtio-rng-pci', {
      id: qemuIds.device(id),
      ...addressOf(context, id),
      rng: `rng-${id}`,
      'max-bytes': rateBytes > 0n ? Number(rateBytes) : undefined,
      period: periodMs,
    }),
  ]);

/** What it does is among the actions of the guest's life. */
export const watchdog: Builder = ({ spec, pci }) => {
  if (!spec.watchdog) return [];
  const id = qemuIds.device(spec.watchdog.id);
  return spec.watchdog.model === WatchdogModel.IB700 ? device('ib700', { id }) : device('i6300esb', { id, ...pci.controllers.watchdog });
};

export const vsock: Builder = ({ spec, pci }) => {
  if (!spec.vsock) return [];
  const { id, cid } = spec.vsock;
  return device('vhost-vsock-pci', {
    id: qemuIds.device(id),
    ...pci.controllers.vsock,
    'guest-cid': cid > 0n ? Number(cid) : incomplete(`context id of ${id}`),
  });
};
