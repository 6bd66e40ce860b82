import { Fault, type Step } from '@virtmesh/base';
import type { Disk } from '@virtmesh/contracts/domain/v1/disk';
import type { DeviceOrder } from '@virtmesh/driver-spi';
import { blockNodes } from '../../argv/disk.ts';
import type { DriverContext } from '../../context.ts';
import { qemuIds } from '../../launch.ts';
import type { LiveGuest } from '../../lifecycle/live-guest.ts';
import { encodeRecord } from '../../lifecycle/record.ts';
import type { FileUse } from '../../process/claims.ts';
import { handOver } from '../../process/hand-over.ts';
import type { BlockAnswer } from '../../qmp/index.ts';
import { ownerOf } from '../../process/users.ts';
import { diskPath } from '../../spec/disk-path.ts';
import { claimFiles, releaseFiles } from './device-files.ts';
import { addBackends, diskBackends, removeBackends } from './parts.ts';

const undoTimeoutMs = 5000;

/** The change of a CD-ROM's medium: the old one is held until the new one is in. */
export function mediumSteps(context: DriverContext, order: DeviceOrder, before: Disk, after: Disk): readonly Step[] {
  const guest = (): LiveGuest => context.guests.running(order.guest);
  const ofDrive = (): readonly FileUse[] => context.claims.of(order.guest.uid).files.filter((file) => file.device === after.id);
  let old: readonly FileUse[] = [];
  let fresh: readonly FileUse[] = [];
  const keep = (files: readonly FileUse[]): void => {
    const live = guest();
    const others = live.record.files.filter((file) => file.device !== after.id);
    context.claims.add(order.guest.uid, {
      files: [...context.claims.of(order.guest.uid).files.filter((file) => file.device !== after.id), ...files],
    });
    live.record = { ...live.record, files: [...others, ...files] };
    order.save(encodeRecord(live.record));
  };
  return [
    {
      name: 'files',
      run: async () => {
        old = ofDrive();
        fresh = await claimFiles(context, guest(), order.to, after.id);
        keep([...old.filter(({ identity }) => !fresh.some((use) => use.identity === identity)), ...fresh]);
        const owner = ownerOf(context.users, guest().record.user);
        if (owner) await handOver(context.host, fresh, owner);
      },
      undo: async () => {
        const held = ofDrive();
        const back = await claimFiles(context, guest(), order.from, after.id);
        await releaseFiles(
          context,
          guest(),
          held.filter((use) => !back.some(({ identity }) => identity === use.identity)),
        );
        keep(back);
      },
    },
    {
      name: 'medium',
      run: async (signal) => {
        if (await hasMedium(guest(), after, signal)) return;
        await openTray(guest(), after.id, order, signal);
        await insert(guest(), before, after, signal);
      },
      undo: async () => {
        const signal = AbortSignal.timeout(undoTimeoutMs);
        if (!(await hasMedium(guest(), before, signal))) await insert(guest(), after, before, signal);
      },
    },
    {
      name: 'release',
      run: async () => {
        await releaseFiles(
          context,
          guest(),
          old.filter((use) => !fresh.some(({ identity }) => identity === use.identity)),
        );
        keep(fresh);
      },
    },
  ];
}

/** Opens the tray; a guest that has locked it is asked to, and gets its time, or is not asked at all with `force`. */
async function openTray(guest: LiveGuest, id: string, { force, guestTimeoutMs }: DeviceOrder, signal: AbortSignal): Promise<void> {
  const device = qemuIds.device(id);
  const patience = AbortSignal.timeout(guestTimeoutMs);
  const opened = guest.next(
    (event) => (event.name === 'DEVICE_TRAY_MOVED' && event.data.id === device && event.data['tray-open'] ? true : undefined),
    AbortSignal.any([patience, signal]),
  );
  await guest.execute('blockdev-open-tray', { id: device, force }, signal);
  if (await isOpen(guest, device, signal)) return;
  try {
    await opened;
  } catch (thrown) {
    if (!patience.aborted || signal.aborted || guest.isGone) throw thrown;
    const why = `the guest has locked its tray and has not opened it within ${guestTimeoutMs} ms`;
    throw new Fault(
      'DEVICE_BUSY',
      `the medium of ${id} of ${guest.ref.id} cannot be changed: ${why}; unmount it in the guest, or force it`,
      {
        device: id,
        uid: guest.ref.uid,
        why,
      },
    );
  }
}

/** Whether the medium of a definition is what is in its drive. */
async function hasMedium(guest: LiveGuest, disk: Disk, signal: AbortSignal): Promise<boolean> {
  const drive = await driveOf(guest, qemuIds.device(disk.id), signal);
  if (!drive?.inserted || drive.tray_open === true) return diskPath(disk) === undefined && drive?.tray_open !== true;
  const [, format] = blockNodes(disk);
  return drive.inserted.file === diskPath(disk) && drive.inserted.drv === format?.['driver'];
}

async function isOpen(guest: LiveGuest, device: string, signal: AbortSignal): Promise<boolean> {
  return (await driveOf(guest, device, signal))?.tray_open === true;
}

async function driveOf(guest: LiveGuest, device: string, signal: AbortSignal): Promise<BlockAnswer | undefined> {
  const drives = await guest.execute('query-block', {}, signal);
  return drives.find(({ qdev }) => qdev === device || qdev?.startsWith(`/machine/peripheral/${device}/`));
}

/** Puts a medium, or none, in place of another into the open drive, and closes it. Repeatable. */
async function insert(guest: LiveGuest, before: Disk, after: Disk, signal: AbortSignal): Promise<void> {
  const id = qemuIds.device(after.id);
  await guest.execute('blockdev-open-tray', { id, force: true }, signal);
  await guest.execute('blockdev-remove-medium', { id }, signal);
  await removeBackends(guest, diskBackends(before), signal);
  if (diskPath(after) !== undefined) {
    await addBackends(guest, diskBackends(after), signal);
    await guest.execute('blockdev-insert-medium', { id, 'node-name': qemuIds.blockNode(after.id) }, signal);
  }
  await guest.execute('blockdev-close-tray', { id }, signal);
}
