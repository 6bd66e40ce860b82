import { readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { resultOf } from '@virtmesh/client';
import { ChangeScope } from '@virtmesh/contracts/domain/v1/change_scope';
import { AttachDomainDeviceRequest, DetachDomainDeviceRequest, UpdateDomainDeviceRequest } from '@virtmesh/contracts/domain/v1/device';
import { Disk, DiskDevice } from '@virtmesh/contracts/domain/v1/disk';
import { type Domain, DomainState, DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';
import { FieldEffect, RenameDomainRequest, type UpdateDomainResult } from '@virtmesh/contracts/domain/v1/domain_service';
import { RestoreDomainRequest, SaveDomainRequest } from '@virtmesh/contracts/domain/v1/saved_state';
import type { Operation } from '@virtmesh/contracts/operation/v1/operation';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConsoleSession } from '../support/console-session.ts';
import { fileDisk, idleMachine, linuxGuest } from '../support/domain-specs.ts';
import { eventually } from '../support/eventually.ts';
import { guestImage, makeDisk } from '../support/guest-image.ts';
import { TestSystem } from '../support/system.ts';
import type { TestClient } from '../support/test-client.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await TestSystem.start({ fleet: true });
});
afterAll(async () => system[Symbol.asyncDispose]());

const wait = { seconds: 60n, nanos: 0 };
const call = { timeoutMs: 90_000 };
function domainIn(operation: Operation): Domain {
  const result = resultOf(operation);
  if (result.$case !== 'domain') throw new Error(`${operation.verb} answered ${result.$case}`);
  return result.value;
}

describe.each(['agent', 'fleet'] as const)('a guest, asked of the %s', (scope) => {
  let client: TestClient;
  beforeAll(async () => {
    client = await system.client(scope);
  });
  const save = async (id: string, path = ''): Promise<Domain> =>
    domainIn(await client.connection.domains.saveDomain(SaveDomainRequest.fromPartial({ name: client.name(id), path, wait }), call));

  it('has a disk attached and detached while it runs', async () => {
    const id = `devices-${scope}`;
    await client.run(id, idleMachine());
    const path = join(system.disks, `${id}.img`);
    await makeDisk(path, 1n << 20n, 'raw');
    const name = client.name(id);
    const device = { device: { $case: 'disk' as const, value: fileDisk(path) } };
    const attach = AttachDomainDeviceRequest.fromPartial({ name, device, scope: ChangeScope.BOTH, wait });
    const attached = domainIn(await client.connection.domains.attachDomainDevice(attach, call));
    expect([attached.spec?.disks.length, attached.activeSpec?.disks.length, attached.status?.restartRequired]).toEqual([1, 1, false]);
    const detach = DetachDomainDeviceRequest.fromPartial({
      name,
      device: attached.spec?.disks[0]?.id ?? '',
      scope: ChangeScope.CONFIG,
      wait,
    });
    const detached = domainIn(await client.connection.domains.detachDomainDevice(detach, call));
    expect([detached.spec?.disks.length, detached.activeSpec?.disks.length, detached.status?.restartRequired]).toEqual([0, 1, true]);
    await client.remove(id);
  });

  it('has another name while it runs', async () => {
    const id = `first-${scope}`;
    const other = `second-${scope}`;
    const { uid } = await client.run(id, idleMachine());
    const request = RenameDomainRequest.fromPartial({ name: client.name(id), domainId: other });
    expect((await client.connection.domains.renameDomain(request)).name).toBe(client.name(other));
    await system.tape.untilStory(uid, 'defined renamed');
    await eventually('the new name in lists', async () => {
      const { domains } = await client.list();
      return domains.some((each) => each.name === client.name(other)) && !domains.some((each) => each.name === client.name(id));
    });
    expect((await client.get(other)).uid).toBe(uid);
    await expect(client.get(id)).rejects.toMatchObject({ reason: 'DOMAIN_NOT_FOUND' });
    await client.remove(other);
  });

  it('has its CD-ROM exchanged and taken out while it runs', async () => {
    const id = `media-${scope}`;
    const [first, second] = [join(system.disks, `${id}-1.iso`), join(system.disks, `${id}-2.iso`)];
    for (const path of [first, second]) await makeDisk(path, 1n << 20n, 'raw');
    const cdrom = { id: 'cd', device: DiskDevice.CDROM, readOnly: true };
    const { status } = await client.run(id, idleMachine({ disks: [fileDisk(first, 'raw', cdrom)] }));
    const inserted = async (): Promise<string[]> => {
      const fds = `/proc/${status?.pid}/fd`;
      const links = await Promise.all((await readdir(fds)).map(async (fd) => readlink(join(fds, fd)).catch(() => '')));
      return [...new Set(links.filter((path) => path.endsWith('.iso')))];
    };
    expect(await inserted()).toEqual([first]);
    const change = async (disk: Disk): Promise<UpdateDomainResult> => {
      const request = UpdateDomainDeviceRequest.fromPartial({
        name: client.name(id),
        device: { device: { $case: 'disk', value: disk } },
        scope: ChangeScope.BOTH,
        wait,
      });
      const result = resultOf(await client.connection.domains.updateDomainDevice(request, call));
      if (result.$case !== 'update') throw new Error(`an update answered ${result.$case}`);
      return result.value;
    };
    const exchanged = await change(fileDisk(second, 'raw', cdrom));
    expect(exchanged.outcomes.map(({ effect }) => effect)).toEqual([FieldEffect.LIVE]);
    expect(exchanged.domain?.activeSpec?.disks[0]?.source?.source).toEqual({ $case: 'filePath', value: second });
    expect(await inserted()).toEqual([second]);
    const { domain } = await change(Disk.fromPartial(cdrom));
    expect([domain?.spec, domain?.activeSpec].map((spec) => spec?.disks[0]?.source?.source)).toEqual([undefined, undefined]);
    expect(await inserted()).toEqual([]);
    await client.remove(id);
  });

  it('is saved to a file and restored', async () => {
    const id = `saved-${scope}`;
    const { uid } = await client.run(id, idleMachine());
    const path = join(system.disks, `${id}.state`);
    expect((await save(id, path)).status).toMatchObject({ state: DomainState.SHUTOFF, reason: DomainStateReason.SAVED });
    await expect(save(id, path)).rejects.toMatchObject({ reason: 'STATE_INVALID' });
    const request = RestoreDomainRequest.fromPartial({ parent: `nodes/${client.node}`, path, wait });
    const restored = domainIn(await client.connection.domains.restoreDomain(request, call));
    expect(restored).toMatchObject({ uid, status: { state: DomainState.RUNNING, reason: DomainStateReason.RESTORED } });
    await client.remove(id);
  });
});

describe('a Linux guest whose state the agent keeps', () => {
  it('goes on where it was, also through a kill of the agent', async () => {
    const client = await system.client();
    const id = 'kept';
    await client.run(id, linuxGuest(await guestImage(), 'virtmesh.hostname=kept'));
    const run = async (command: string): Promise<string> => {
      await using shell = new ConsoleSession(client.connection, { name: client.name(id), replayBytes: 0n });
      shell.type('\n');
      return await shell.run(command);
    };
    {
      await using shell = new ConsoleSession(client.connection, { name: client.name(id), replayBytes: -1n });
      await shell.ready();
    }
    await run('echo remembered > /tmp/word');
    const boot = await run('cat /proc/sys/kernel/random/boot_id');
    const saved = domainIn(
      await client.connection.domains.saveDomain(SaveDomainRequest.fromPartial({ name: client.name(id), wait }), call),
    );
    expect(saved.status?.managedSave).toBe(true);
    await system.agent.kill();
    await system.agent.start();
    const again = await system.client();
    const started = await again.start(id);
    expect(started.status).toMatchObject({ reason: DomainStateReason.RESTORED, managedSave: false });
    expect([await run('cat /tmp/word'), await run('cat /proc/sys/kernel/random/boot_id')]).toEqual(['remembered', boot]);
    await again.remove(id);
  });
});
