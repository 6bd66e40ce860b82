import { Fault } from '@virtmesh/base';
import type { ResizeDomainDiskRequest } from '@virtmesh/contracts/domain/v1/device';
import type { Operation } from '@virtmesh/contracts/operation/v1/operation';
import type { ResizeDisk } from '@virtmesh/driver-spi';
import type { Call, Engine, Job } from '../engine.ts';
import type { Entry } from '../model/change.ts';
import { checkState, feature } from './precheck.ts';

const sectorBytes = 512n;

export function resizeDisk(engine: Engine, request: ResizeDomainDiskRequest, call: Call): Promise<Operation> {
  return engine.perform(call, () => {
    if (request.sizeBytes <= 0n || request.sizeBytes % sectorBytes !== 0n)
      throw Fault.ofViolations('REQUEST_INVALID', 'the request is not valid', [
        { field: 'size_bytes', description: `must be a multiple of ${sectorBytes} above 0, is ${request.sizeBytes}` },
      ]);
    const entry = engine.parts.registry.find(request.name);
    check(engine, entry, request);
    return { uid: entry.guest.uid, target: entry.domain.name, kept: true, job: resizeDiskJob(engine, entry.guest.uid, request) };
  });
}

/** Repeatable: a disk that has the size already is left as it is. */
export const resizeDiskJob =
  (engine: Engine, uid: string, request: ResizeDomainDiskRequest): Job =>
  async (running) => {
    const { registry } = engine.parts;
    const now = registry.must(uid);
    const facet = check(engine, now, request);
    const active = now.domain.activeSpec;
    if (active) await facet.resizeDisk(now.guest, active, request.disk, request.sizeBytes, running.signal);
    await engine.succeed(running, () => registry.must(uid));
  };

function check(engine: Engine, entry: Entry, { disk }: ResizeDomainDiskRequest): ResizeDisk {
  const { domain } = entry;
  checkState(entry, 'resize_disk');
  const facet = feature(engine.parts.drivers.get(domain.hypervisor), 'resizeDisk', entry);
  const disks = domain.activeSpec?.disks.map(({ id }) => id) ?? [];
  if (disks.includes(disk)) return facet;
  const devices = disks.join(', ') || 'none';
  throw new Fault('DEVICE_NOT_FOUND', `${domain.name} runs without a disk ${JSON.stringify(disk.slice(0, 64))}; its disks: ${devices}`, {
    name: domain.name,
    device: disk.slice(0, 64),
    devices,
  });
}
