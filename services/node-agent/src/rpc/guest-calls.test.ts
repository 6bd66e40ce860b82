import { join } from 'node:path';
import { DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';
import {
  AttachDomainDeviceRequest,
  DetachDomainDeviceRequest,
  ResizeDomainDiskRequest,
  UpdateDomainDeviceRequest,
} from '@virtmesh/contracts/domain/v1/device';
import { GetDomainRequest, RenameDomainRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import {
  ExecDomainRequest,
  FreezeDomainFilesystemsRequest,
  ListDomainAddressesRequest,
  SendDomainKeysRequest,
  TakeDomainScreenshotRequest,
  ThawDomainFilesystemsRequest,
} from '@virtmesh/contracts/domain/v1/guest';
import {
  DumpDomainRequest,
  RemoveDomainManagedSaveRequest,
  RestoreDomainRequest,
  SaveDomainRequest,
} from '@virtmesh/contracts/domain/v1/saved_state';
import { OperationState } from '@virtmesh/contracts/operation/v1/operation';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { domainIn, TestAgent } from '../testing/test-agent.ts';
import { TestServer } from '../testing/test-server.ts';
import { plainSpec, verbsOf } from '../testing/verbs.ts';

// What guests are asked and told, over real sockets.

const name = 'nodes/n1/domains/web';
let agent: TestAgent;
let server: TestServer;
beforeEach(async () => {
  agent = await TestAgent.start();
  server = await TestServer.start(agent);
  const spec = plainSpec({ disks: [{ id: 'disk0' }], videos: [{ id: 'video0' }] });
  domainIn(await verbsOf(agent).create('web', { start: true, spec }));
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
  await agent[Symbol.asyncDispose]();
});

async function* exec(
  ...items: NonNullable<Parameters<typeof ExecDomainRequest.fromPartial>[0]['item']>[]
): AsyncGenerator<ExecDomainRequest> {
  for (const item of items) yield await Promise.resolve(ExecDomainRequest.fromPartial({ item }));
}
const opened = { $case: 'open' as const, value: { name, command: ['cat'] } };

describe('over gRPC', () => {
  it('devices come and go, and are changed', async () => {
    const { domains } = server.full;
    const device = { device: { $case: 'disk' as const, value: { serial: 'a' } } };
    const attached = domainIn(await domains.attachDomainDevice(AttachDomainDeviceRequest.fromPartial({ name, device })));
    expect(attached.activeSpec?.disks.map(({ id }) => id)).toEqual(['disk0', 'disk1']);
    const changed = { device: { $case: 'disk' as const, value: { id: 'disk1', serial: 'b' } } };
    expect((await domains.updateDomainDevice(UpdateDomainDeviceRequest.fromPartial({ name, device: changed }))).state).toBe(
      OperationState.SUCCEEDED,
    );
    expect(
      domainIn(await domains.detachDomainDevice(DetachDomainDeviceRequest.fromPartial({ name, device: 'disk1' }))).spec?.disks,
    ).toHaveLength(1);
    expect((await domains.resizeDomainDisk(ResizeDomainDiskRequest.fromPartial({ name, disk: 'disk0', sizeBytes: 512n }))).state).toBe(
      OperationState.SUCCEEDED,
    );
    await expect(domains.detachDomainDevice(DetachDomainDeviceRequest.fromPartial({ name, device: 'disk1' }))).rejects.toMatchObject({
      reason: 'DEVICE_NOT_FOUND',
    });
  });

  it('a guest is saved, restored, dumped, renamed', async () => {
    const { domains } = server.full;
    const path = join(agent.world.files, 'state');
    expect((await domains.saveDomain(SaveDomainRequest.fromPartial({ name, path }))).state).toBe(OperationState.SUCCEEDED);
    expect(domainIn(await domains.restoreDomain(RestoreDomainRequest.fromPartial({ parent: 'nodes/n1', path }))).status?.reason).toBe(
      DomainStateReason.RESTORED,
    );
    expect((await domains.dumpDomain(DumpDomainRequest.fromPartial({ name, path: `${path}.core` }))).state).toBe(OperationState.SUCCEEDED);
    expect((await domains.saveDomain(SaveDomainRequest.fromPartial({ name }))).state).toBe(OperationState.SUCCEEDED);
    expect((await domains.getDomain(GetDomainRequest.fromPartial({ name }))).status?.managedSave).toBe(true);
    expect((await domains.removeDomainManagedSave(RemoveDomainManagedSaveRequest.fromPartial({ name }))).status?.managedSave).toBe(false);
    const renamed = await domains.renameDomain(RenameDomainRequest.fromPartial({ name, domainId: 'shop' }));
    expect(renamed.name).toBe('nodes/n1/domains/shop');
    await expect(domains.getDomain(GetDomainRequest.fromPartial({ name }))).rejects.toMatchObject({ reason: 'DOMAIN_NOT_FOUND' });
  });

  it('a guest is asked and told', async () => {
    const { domains } = server.full;
    const parts = await Array.fromAsync(domains.takeDomainScreenshot(TakeDomainScreenshotRequest.fromPartial({ name })));
    expect(parts.map(({ data }) => data.length)).toEqual([262_144, 37_856]);
    await domains.sendDomainKeys(SendDomainKeysRequest.fromPartial({ name, keys: ['KEY_A'] }));
    expect((await domains.listDomainAddresses(ListDomainAddressesRequest.fromPartial({ name }))).interfaces).toHaveLength(1);
    expect((await domains.getDomainGuestInfo({ name })).hostname).toBe('scripted');
    for (const operation of [
      await domains.freezeDomainFilesystems(FreezeDomainFilesystemsRequest.fromPartial({ name })),
      await domains.thawDomainFilesystems(ThawDomainFilesystemsRequest.fromPartial({ name })),
    ])
      expect(operation.state).toBe(OperationState.SUCCEEDED);
  });

  it('a command runs, and ends with the call', async () => {
    const answers = await Array.fromAsync(
      server.full.domains.execDomain(exec(opened, { $case: 'input', value: Buffer.from('a') }, { $case: 'inputEnd', value: {} })),
    );
    expect(answers.map(({ item }) => item?.$case)).toEqual(['started', 'output', 'ended']);
    const disposed = (): number => agent.world.calls.filter((call) => call.startsWith('exec-dispose')).length;
    expect(disposed()).toBe(1);
    async function* silent(): AsyncGenerator<ExecDomainRequest> {
      yield* exec(opened);
      await new Promise(() => {});
    }
    const left = server.full.domains.execDomain(silent());
    for await (const { item } of left) if (item?.$case === 'started') break;
    await expect.poll(disposed).toBe(2);
  });

  it('roles are asked for', async () => {
    const { domains } = server.operator;
    const denied = { reason: 'PERMISSION_DENIED' };
    await expect(Array.fromAsync(domains.execDomain(exec(opened)))).rejects.toMatchObject(denied);
    await expect(domains.saveDomain(SaveDomainRequest.fromPartial({ name }))).rejects.toMatchObject(denied);
    await expect(domains.attachDomainDevice(AttachDomainDeviceRequest.fromPartial({ name }))).rejects.toMatchObject(denied);
    await domains.sendDomainKeys(SendDomainKeysRequest.fromPartial({ name, keys: ['KEY_A'] }));
    await expect(
      server.readOnly.domains.sendDomainKeys(SendDomainKeysRequest.fromPartial({ name, keys: ['KEY_A'] })),
    ).rejects.toMatchObject(denied);
    expect((await server.readOnly.domains.getDomainGuestInfo({ name })).hostname).toBe('scripted');
  });
});
