import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { resultOf } from '@virtmesh/client';
import { ResizeDomainDiskRequest } from '@virtmesh/contracts/domain/v1/device';
import {
  AddressSource,
  ExecDomainRequest,
  FreezeDomainFilesystemsRequest,
  GetDomainGuestInfoRequest,
  ListDomainAddressesRequest,
  SendDomainKeysRequest,
  TakeDomainScreenshotRequest,
  ThawDomainFilesystemsRequest,
} from '@virtmesh/contracts/domain/v1/guest';
import { DumpDomainRequest } from '@virtmesh/contracts/domain/v1/saved_state';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConsoleSession } from '../support/console-session.ts';
import { fileDisk, linuxGuest } from '../support/domain-specs.ts';
import { eventually } from '../support/eventually.ts';
import { guestImage, makeDisk } from '../support/guest-image.ts';
import { TestSystem } from '../support/system.ts';
import type { TestClient } from '../support/test-client.ts';

const id = 'asked';
let system: TestSystem;
let agent: TestClient;
beforeAll(async () => {
  system = await TestSystem.start({ fleet: true });
  agent = await system.client();
  const path = join(system.disks, 'a.img');
  await makeDisk(path, 8n << 20n, 'raw');
  const over = {
    disks: [fileDisk(path, 'raw', { id: 'disk0' })],
    videos: [{ id: 'video0' }],
    interfaces: [{ backend: { $case: 'user' as const, value: {} } }],
  };
  await agent.run(id, linuxGuest(await guestImage(), `virtmesh.hostname=${id}`, over));
  await using shell = new ConsoleSession(agent.connection, { name: agent.name(id), replayBytes: -1n });
  await shell.ready();
  await eventually('the guest agent', async () => (await agent.get(id)).status?.guestAgentConnected);
}, 180_000);
afterAll(async () => system[Symbol.asyncDispose]());

const wait = { seconds: 60n, nanos: 0 };
const call = { timeoutMs: 90_000 };

describe.each(['agent', 'fleet'] as const)('a Linux guest, asked through the %s', (scope) => {
  let client: TestClient;
  let name: string;
  beforeAll(async () => {
    client = await system.client(scope);
    name = client.name(id);
  });

  it('says who it is, and where', async () => {
    const { domains } = client.connection;
    expect((await domains.getDomainGuestInfo(GetDomainGuestInfoRequest.fromPartial({ name }), call)).hostname).toBe(id);
    const request = ListDomainAddressesRequest.fromPartial({ name, source: AddressSource.GUEST });
    const { interfaces } = await domains.listDomainAddresses(request, call);
    expect(interfaces.flatMap(({ addresses }) => addresses)).toContain('10.0.2.15/24');
  });

  it('shows its display, and has keys pressed', async () => {
    const { domains } = client.connection;
    const parts = await Array.fromAsync(domains.takeDomainScreenshot(TakeDomainScreenshotRequest.fromPartial({ name }), call));
    expect(parts[0]?.mimeType).toBe('image/png');
    expect(
      Buffer.concat(parts.map(({ data }) => data))
        .subarray(1, 4)
        .toString(),
    ).toBe('PNG');
    await domains.sendDomainKeys(SendDomainKeysRequest.fromPartial({ name, keys: ['KEY_LEFTCTRL', 'KEY_C'] }), call);
  });

  it('is dumped, and a disk of it grows', async () => {
    const { domains } = client.connection;
    const path = join(system.disks, `core-${scope}`);
    const dumped = resultOf(await domains.dumpDomain(DumpDomainRequest.fromPartial({ name, path, wait }), call));
    expect(dumped).toMatchObject({ $case: 'dump', value: { path, sizeBytes: BigInt((await stat(path)).size) } });
    expect((await readFile(path)).subarray(1, 4).toString()).toBe('ELF');
    const sizeBytes = scope === 'agent' ? 16n << 20n : 32n << 20n;
    resultOf(await domains.resizeDomainDisk(ResizeDomainDiskRequest.fromPartial({ name, disk: 'disk0', sizeBytes, wait }), call));
    expect(BigInt((await stat(join(system.disks, 'a.img'))).size)).toBe(sizeBytes);
    const smaller = ResizeDomainDiskRequest.fromPartial({ name, disk: 'disk0', sizeBytes: 512n, wait });
    expect((await domains.resizeDomainDisk(smaller, call)).result?.$case).toBe('error');
  });

  it('keeps its file systems still, and lets them go on', async () => {
    const { domains } = client.connection;
    for (const operation of [
      await domains.freezeDomainFilesystems(FreezeDomainFilesystemsRequest.fromPartial({ name, wait }), call),
      await domains.thawDomainFilesystems(ThawDomainFilesystemsRequest.fromPartial({ name, wait }), call),
    ])
      expect(resultOf(operation).$case).toBe('filesystems');
  });

  it('runs a command, which is given its input with the call, since nothing can be written to it by way of its agent', async () => {
    const open = ExecDomainRequest.fromPartial({
      item: {
        $case: 'open',
        value: { name, command: ['/bin/sh', '-c', 'echo "hello $WHO"; echo wrong >&2; exit 3'], environment: { WHO: 'there' } },
      },
    });
    async function* only(...requests: ExecDomainRequest[]): AsyncGenerator<ExecDomainRequest> {
      for (const request of requests) yield await Promise.resolve(request);
    }
    const answers = await Array.fromAsync(client.connection.domains.execDomain(only(open)));
    const said = answers.flatMap(({ item }) =>
      item?.$case === 'output' || item?.$case === 'errorOutput' ? [`${item.$case} ${item.value.toString().trim()}`] : [],
    );
    expect(said.toSorted()).toEqual(['errorOutput wrong', 'output hello there']);
    expect(answers.at(-1)?.item).toMatchObject({ $case: 'ended', value: { exitCode: 3, signal: 0 } });
    const reading = ExecDomainRequest.fromPartial({
      item: { $case: 'open', value: { name, command: ['/bin/cat'], input: Buffer.from('what it reads') } },
    });
    const read = await Array.fromAsync(client.connection.domains.execDomain(only(reading)));
    expect(read[1]?.item).toEqual({ $case: 'output', value: Buffer.from('what it reads') });
    const absent = ExecDomainRequest.fromPartial({ item: { $case: 'open', value: { name, command: ['no-such-program'] } } });
    await expect(Array.fromAsync(client.connection.domains.execDomain(only(absent)))).rejects.toMatchObject({
      reason: 'REQUEST_INVALID',
      violations: [{ field: 'open.command', description: expect.stringContaining('No such file or directory') }],
    });
    const input = ExecDomainRequest.fromPartial({ item: { $case: 'input', value: Buffer.from('x') } });
    await expect(Array.fromAsync(client.connection.domains.execDomain(only(open, input)))).rejects.toMatchObject({
      reason: 'FEATURE_UNSUPPORTED',
      metadata: { driver: 'qemu', feature: 'exec' },
    });
  });
});
