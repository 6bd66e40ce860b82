import { Fault } from '@virtmesh/base';
import type { Disk } from '@virtmesh/contracts/domain/v1/disk';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { Interface } from '@virtmesh/contracts/domain/v1/interface';
import { didYouMean } from '../nearest.ts';

/** The path of a disk's medium; empty where there is none in it. */
export const sourceOf = (disk: Disk): string => disk.source?.source?.value ?? '';

function missing(kind: string, reference: string, devices: readonly { readonly id: string }[]): Fault {
  const ids = [...new Set(devices.map(({ id }) => id))];
  const others = didYouMean(reference, ids) || (ids.length === 0 ? '; it has none' : `; there are ${ids.join(', ')}`);
  return new Fault('DEVICE_NOT_FOUND', `there is no ${kind} ${reference}${others}`, { device: reference });
}

/** The disk of that id, or of that source as in virsh. */
export function diskNamed({ disks }: DomainSpec, reference: string): Disk {
  const found = disks.find(({ id }) => id === reference) ?? disks.find((disk) => reference !== '' && sourceOf(disk) === reference);
  if (found) return found;
  throw missing('disk', reference, disks);
}

/** The interface of that id, or of that MAC address as in virsh. */
export function interfaceNamed({ interfaces }: DomainSpec, reference: string): Interface {
  const mac = reference.toLowerCase();
  const found = interfaces.find(({ id }) => id === reference) ?? interfaces.find(({ macAddress }) => macAddress.toLowerCase() === mac);
  if (found) return found;
  throw missing('interface', reference, interfaces);
}
