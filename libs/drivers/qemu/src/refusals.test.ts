import { type Duplex, duplexPair } from 'node:stream';
import { Fault } from '@virtmesh/base';
import { ChannelKind } from '@virtmesh/contracts/domain/v1/channel';
import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { AddressSource } from '@virtmesh/contracts/domain/v1/guest';
import { type ExecOrder, featureNames } from '@virtmesh/driver-spi';
import { expect, test } from 'vitest';
import type { DriverContext } from './context.ts';
import { explain } from './features/explain.ts';
import { addressesFeature } from './features/guest/addresses.ts';
import { execFeature } from './features/guest/exec.ts';
import { resizeDiskFeature } from './features/resize-disk.ts';
import { qemuIds } from './launch.ts';

const guest = { uid: '4f5b3c1e-0000-4000-8000-000000000001', id: 'web' };
const MiB = 1n << 20n;

/** A guest whose disk has a size, and which is asked for nothing else but by its agent. */
const running = {
  ref: guest,
  agentConnected: true,
  spec: DomainSpec.fromPartial({ channels: [{ id: 'channel0', kind: ChannelKind.GUEST_AGENT }] }),
  places: { socket: () => '/run/agent.sock' },
  execute: async (command: string) => {
    if (command !== 'query-named-block-nodes') throw new Error(`${command} was not to be asked`);
    return [{ 'node-name': qemuIds.blockNode('disk0'), image: { 'virtual-size': Number(8n * MiB) } }];
  },
};
const context = {
  guests: { running: () => running },
  host: { sockets: { connect: async () => agentWithoutPrograms() } },
} as unknown as DriverContext;

/** What talks with the agent of a guest that has no programs. */
function agentWithoutPrograms(): Duplex {
  const [ours, its] = duplexPair();
  its.setEncoding('latin1').on('data', (text: string) => {
    const { execute, arguments: given } = JSON.parse(text.replaceAll('\xff', '')) as { execute: string; arguments: { id?: number } };
    const answer =
      execute === 'guest-exec'
        ? { error: { class: 'GenericError', desc: 'Failed to execute child process "/bin/no" (No such file or directory)' } }
        : { return: given.id };
    its.write(Buffer.from(`\xff${JSON.stringify(answer)}\n`, 'latin1'));
  });
  return ours;
}
const soon = (): AbortSignal => AbortSignal.timeout(5_000);

const file = { source: { $case: 'filePath' as const, value: '/images/a' } };
const active = DomainSpec.fromPartial({
  disks: [{ id: 'disk0', source: file }, { id: 'cd' }, { id: 'kept', source: file, readOnly: true }],
});

const order: ExecOrder = { command: ['true'], environment: {}, workingDirectory: '', uid: 0, gid: 0 };
const exec = (over: Partial<ExecOrder>) => () => execFeature(context).exec(guest, { ...order, ...over }, soon());
const resize = (disk: string, sizeBytes: bigint) => () => resizeDiskFeature(context).resizeDisk(guest, active, disk, sizeBytes, soon());

test.each<[rule: string, call: () => Promise<unknown>, field: string, words: RegExp]>([
  ['the agent gives no terminal', exec({ terminal: { rows: 24, columns: 80 } }), 'open.terminal', /no terminal; leave it out/],
  [
    'the agent begins in its own directory',
    exec({ workingDirectory: '/tmp' }),
    'open.working_directory',
    /its own directory; leave it out/,
  ],
  ['the agent is of one user', exec({ uid: 1 }), 'open.uid', /its own user/],
  ['the agent is of one group', exec({ gid: 1 }), 'open.gid', /its own group/],
  [
    'addresses come from somewhere',
    () => addressesFeature(context).addresses(guest, active, 99 as AddressSource, soon()),
    'source',
    /GUEST or NEIGHBOURS/,
  ],
  ['the guest has the program', exec({ command: ['/bin/no'] }), 'open.command', /"\/bin\/no" cannot be run in the guest: No such file/],
  ['what grows has a medium', resize('cd', 16n * MiB), 'disk', /no medium/],
  ['what grows is written to', resize('kept', 16n * MiB), 'disk', /read-only/],
  ['a size is of whole sectors', resize('disk0', 16n * MiB + 1n), 'size_bytes', /a multiple of 512/],
  ['a disk does not become smaller', resize('disk0', 4n * MiB), 'size_bytes', /data would be lost/],
])('%s', async (_rule, call, field, words) => {
  const fault = await call().then(
    () => undefined,
    (thrown: unknown) => Fault.from(thrown),
  );
  expect(fault).toMatchObject({ reason: 'REQUEST_INVALID', violations: [{ field, description: expect.stringMatching(words) as unknown }] });
});

test.each(featureNames.filter((name) => /[A-Z]/.test(name)))('why there is no %s is told without that name', (name) => {
  const verdict = explain({ binary: { version: '7.2' }, logKeeper: undefined } as unknown as DriverContext, {}, undefined, name);
  expect(verdict).toEqual({ supported: false, why: expect.not.stringContaining(name) as unknown });
});
