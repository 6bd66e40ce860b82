import { randomUUID } from 'node:crypto';
import { resultOf } from '@virtmesh/client';
import { ChangeScope } from '@virtmesh/contracts/domain/v1/change_scope';
import { AttachDomainDeviceRequest, DetachDomainDeviceRequest, ResizeDomainDiskRequest } from '@virtmesh/contracts/domain/v1/device';
import { GetDomainStatsRequest, type OpenDomainConsoleRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import {
  type ExecDomainRequest,
  ExecOpen,
  FreezeDomainFilesystemsRequest,
  GetDomainGuestInfoRequest,
  ListDomainAddressesRequest,
  SendDomainKeysRequest,
  TakeDomainScreenshotRequest,
  ThawDomainFilesystemsRequest,
} from '@virtmesh/contracts/domain/v1/guest';
import { Interface } from '@virtmesh/contracts/domain/v1/interface';
import { Rng } from '@virtmesh/contracts/domain/v1/rng';
import { DumpDomainRequest, SaveDomainRequest } from '@virtmesh/contracts/domain/v1/saved_state';
import { type AnyDevice, deviceListPath, type FeatureName } from '@virtmesh/driver-spi';
import type { AgentBench } from './agent-bench.ts';

export const wait = { seconds: 60n, nanos: 0 };

/** What uses a feature of a guest that runs, by the calls of a client. */
export const featureCalls: Readonly<Record<FeatureName, (bench: AgentBench, id: string) => Promise<unknown>>> = {
  suspend: async ({ client }, id) => {
    await client.suspend(id);
    await client.resume(id);
  },
  reboot: ({ client }, id) => client.reboot(id),
  stats: ({ client }, id) => client.connection.domains.getDomainStats(GetDomainStatsRequest.fromPartial({ name: client.name(id) })),
  console: ({ client }, id) => drain(client.connection.domains.openDomainConsole(once(client.name(id)))),
  liveUpdate: ({ client, subject: { live } }, id) => client.update(id, [live.path], live.spec, { scope: ChangeScope.LIVE }),
  hotplug: async (bench, id) => attach(bench, id, await drivenDevice(bench)),
  resizeDisk: async (bench, id) => {
    const [disk] = (await bench.active(id)).disks;
    const request = { name: bench.client.name(id), disk: disk?.id ?? 'disk0', sizeBytes: 4n * 1024n ** 3n, requestId: randomUUID(), wait };
    return resultOf(await bench.client.connection.domains.resizeDomainDisk(ResizeDomainDiskRequest.fromPartial(request)));
  },
  savedState: (bench, id) => save(bench, id),
  dump: async ({ client, system }, id) => {
    const request = { name: client.name(id), path: `${system.disks}/${randomUUID()}.core`, requestId: randomUUID(), wait };
    return resultOf(await client.connection.domains.dumpDomain(DumpDomainRequest.fromPartial(request), { timeoutMs: 90_000 }));
  },
  screenshot: ({ client }, id) =>
    drain(client.connection.domains.takeDomainScreenshot(TakeDomainScreenshotRequest.fromPartial({ name: client.name(id) }))),
  sendKeys: ({ client }, id) =>
    client.connection.domains.sendDomainKeys(SendDomainKeysRequest.fromPartial({ name: client.name(id), keys: ['KEY_A'] })),
  addresses: ({ client }, id) =>
    client.connection.domains.listDomainAddresses(ListDomainAddressesRequest.fromPartial({ name: client.name(id) })),
  guestInfo: ({ client }, id) =>
    client.connection.domains.getDomainGuestInfo(GetDomainGuestInfoRequest.fromPartial({ name: client.name(id) })),
  freeze: async ({ client }, id) => {
    const request = { name: client.name(id), requestId: randomUUID(), wait };
    const { domains } = client.connection;
    const frozen = resultOf(await domains.freezeDomainFilesystems(FreezeDomainFilesystemsRequest.fromPartial(request)));
    resultOf(await domains.thawDomainFilesystems(ThawDomainFilesystemsRequest.fromPartial({ ...request, requestId: randomUUID() })));
    return frozen;
  },
  exec: ({ client }, id) => drain(client.connection.domains.execDomain(command(client.name(id)))),
};

/** A device of a kind that the driver drives: others are refused as that, whether devices come and go or not. */
async function drivenDevice(bench: AgentBench): Promise<AnyDevice> {
  const named = await bench.subject.device?.(bench.system);
  if (named) return named;
  const fields = await bench.fields();
  const found = candidates.find(({ $case }) => fields.some((field) => field.startsWith(`${deviceListPath($case)}.`)));
  if (!found) throw new Error('the suite knows no device that the driver drives; let its subject name one');
  return found;
}

const candidates: readonly AnyDevice[] = [
  { $case: 'rng', value: Rng.fromPartial({ id: 'extra-rng' }) },
  { $case: 'interface', value: Interface.fromPartial({ id: 'extra-net', backend: { $case: 'user', value: {} } }) },
];

export async function attach({ client }: AgentBench, id: string, wanted: AnyDevice): Promise<unknown> {
  const request = { name: client.name(id), device: { device: wanted }, scope: ChangeScope.LIVE, requestId: randomUUID(), wait };
  return resultOf(await client.connection.domains.attachDomainDevice(AttachDomainDeviceRequest.fromPartial(request)));
}

export async function detach({ client }: AgentBench, id: string, deviceId: string): Promise<unknown> {
  const request = { name: client.name(id), device: deviceId, scope: ChangeScope.LIVE, requestId: randomUUID(), wait };
  return resultOf(await client.connection.domains.detachDomainDevice(DetachDomainDeviceRequest.fromPartial(request)));
}

/** Saves a domain; the agent keeps the state unless a path is given. */
export async function save({ client }: AgentBench, id: string, path = ''): Promise<unknown> {
  const request = { name: client.name(id), path, requestId: randomUUID(), wait };
  return resultOf(await client.connection.domains.saveDomain(SaveDomainRequest.fromPartial(request), { timeoutMs: 90_000 }));
}

async function drain<T>(stream: AsyncIterable<T>): Promise<readonly T[]> {
  const all: T[] = [];
  for await (const each of stream) all.push(each);
  return all;
}

async function* once(name: string): AsyncGenerator<OpenDomainConsoleRequest> {
  yield { item: { $case: 'open', value: { name, device: '', readOnly: true, force: false, replayBytes: -1n, noFollow: true } } };
}

async function* command(name: string): AsyncGenerator<ExecDomainRequest> {
  yield { item: { $case: 'open', value: ExecOpen.fromPartial({ name, command: ['true'] }) } };
  yield { item: { $case: 'inputEnd', value: {} } };
}
