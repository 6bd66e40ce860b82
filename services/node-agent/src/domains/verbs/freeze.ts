import { Fault } from '@virtmesh/base';
import {
  FilesystemsResult,
  type FreezeDomainFilesystemsRequest,
  type ThawDomainFilesystemsRequest,
} from '@virtmesh/contracts/domain/v1/guest';
import type { Operation } from '@virtmesh/contracts/operation/v1/operation';
import type { Call, Engine, Job } from '../engine.ts';
import type { Entry } from '../model/change.ts';
import { checkState, feature } from './precheck.ts';

type Turn = 'freeze' | 'thaw';
type Request = FreezeDomainFilesystemsRequest | ThawDomainFilesystemsRequest;

const maxMountPoints = 256;
const maxPathBytes = 4095;

export function freezeOrThaw(engine: Engine, verb: Turn, request: Request, call: Call): Promise<Operation> {
  return engine.perform(call, () => {
    checkMountPoints(request.mountPoints);
    const { drivers, registry } = engine.parts;
    const entry = registry.find(request.name);
    checkTurn(entry, verb);
    feature(drivers.get(entry.domain.hypervisor), 'freeze', entry);
    return { uid: entry.guest.uid, target: entry.domain.name, kept: true, job: freezeJob(engine, verb, entry.guest.uid, request) };
  });
}

/** What is frozen stays so until the caller thaws it: only the caller knows when its backup is done. */
export const freezeJob =
  (engine: Engine, verb: Turn, uid: string, request: Request): Job =>
  async (running) => {
    const { drivers, registry } = engine.parts;
    const entry = registry.must(uid);
    checkTurn(entry, verb);
    const facet = feature(drivers.get(entry.domain.hypervisor), 'freeze', entry);
    const count = await facet[verb](entry.guest, request.mountPoints, running.signal);
    await engine.finish(running, () => ({
      typeUrl: 'type.googleapis.com/virtmesh.domain.v1.FilesystemsResult',
      bytes: FilesystemsResult.encode({ count }).finish(),
    }));
  };

const checkTurn = (entry: Entry, verb: Turn): void =>
  checkState(entry, 'ask_guest', `${verb === 'freeze' ? 'freezing' : 'thawing'} its file systems`);

function checkMountPoints(paths: readonly string[]): void {
  if (paths.length > maxMountPoints)
    throw refused('mount_points', `has ${paths.length} entries; the most is ${maxMountPoints}, none means all`);
  const at = paths.findIndex((path) => !path.startsWith('/') || path.includes('\0') || Buffer.byteLength(path) > maxPathBytes);
  if (at >= 0) throw refused(`mount_points[${at}]`, `must be an absolute path in the guest of at most ${maxPathBytes} bytes`);
}

const refused = (field: string, description: string): Fault =>
  Fault.ofViolations('REQUEST_INVALID', 'the request is not valid', [{ field, description }]);
