import type { Host } from '@virtmesh/driver-spi';
import { type AnyDevice, findDevice, withoutDevice } from '@virtmesh/driver-spi';
import type { DriverContext } from '../../context.ts';
import type { LiveGuest } from '../../lifecycle/live-guest.ts';
import type { GuestRecord } from '../../lifecycle/record.ts';
import { tapName } from '../../lifecycle/start/network.ts';
import { releaseFiles } from './device-files.ts';
import { partsOf, removeBackends } from './parts.ts';

const letGoTimeoutMs = 10_000;

/** Gives back all that a device had of the host, when the guest has it no more. Answers the record without it. */
export async function letGo(context: DriverContext, guest: LiveGuest, device: AnyDevice, signal: AbortSignal): Promise<GuestRecord> {
  const { id } = device.value;
  await removeBackends(guest, partsOf(guest, device).backends, signal);
  await removeTap(context.host, guest, device, signal);
  await releaseFiles(
    context,
    guest,
    context.claims.of(guest.ref.uid).files.filter((file) => file.device === id),
  );
  return forgetParts(context, guest, id);
}

/** Takes note of a device that the guest let go of when nobody waited for that any more. */
export async function forgetDevice(context: DriverContext, guest: LiveGuest, id: string): Promise<void> {
  const device = findDevice(guest.spec, id);
  guest.updateSpec(withoutDevice(guest.spec, id));
  if (device) await letGo(context, guest, device, AbortSignal.timeout(letGoTimeoutMs));
  // An earlier life of the agent told of it and gave back what it had, and could not note that in the record.
  else forgetParts(context, guest, id);
}

function forgetParts({ claims }: DriverContext, guest: LiveGuest, id: string): GuestRecord {
  const { uid } = guest.ref;
  claims.add(uid, { files: claims.of(uid).files.filter((file) => file.device !== id) });
  guest.record = withoutParts(guest.record, uid, id);
  return guest.record;
}

async function removeTap(host: Host, guest: LiveGuest, device: AnyDevice, signal: AbortSignal): Promise<void> {
  if (device.$case === 'interface' && device.value.backend?.$case === 'bridge')
    await host.network.removeTaps([tapName(guest.ref.uid, device.value.id)], signal);
}

function withoutParts(record: GuestRecord, uid: string, id: string): GuestRecord {
  const { [id]: _, ...addresses } = record.layout?.addresses ?? {};
  return {
    ...record,
    files: record.files.filter((file) => file.device !== id),
    taps: record.taps.filter((tap) => tap !== tapName(uid, id)),
    layout: record.layout && { ...record.layout, addresses },
    leaving: record.leaving.filter((each) => each !== id),
  };
}
