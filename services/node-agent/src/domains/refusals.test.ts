import { randomUUID } from 'node:crypto';
import { ChangeScope } from '@virtmesh/contracts/domain/v1/change_scope';
import { OpenDomainConsoleRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import { describe, expect, it } from 'vitest';
import { TestAgent, testCall } from '../testing/test-agent.ts';
import { mebibyte, plainSpec, type Verbs, verbsOf } from '../testing/verbs.ts';

// Every rule of a request that a verb has, by the field that it names: nothing is left of a call that is refused. Each case
// stands for itself, since each is run again without its rule: see tools/cases.

type Case = readonly [rule: string, reason: string, field: string, call: (verbs: Verbs) => Promise<unknown>];
const vnc = (value: object) => ({ graphics: [{ id: 'vnc0', protocol: { $case: 'vnc' as const, value } }] });
const again = randomUUID();
const disk = (value: object) => ({ device: { device: { $case: 'disk' as const, value } } });

const cases: readonly Case[] = [
  ['a name has a form', 'NAME_INVALID', 'domain_id', (verbs) => verbs.create('-x')],
  ['a uid is a UUID', 'REQUEST_INVALID', 'uid', (verbs) => verbs.create('x', { uid: 'none' })],
  [
    'a transient domain does not start with its node',
    'REQUEST_INVALID',
    'autostart',
    (verbs) => verbs.create('x', { transient: true, autostart: true }),
  ],
  ['a definition is required', 'SPEC_INVALID', 'spec', (verbs) => verbs.create('x', { spec: undefined })],
  ['a hypervisor is required', 'SPEC_INVALID', 'spec.hypervisor', (verbs) => verbs.create('x', { spec: plainSpec({ hypervisor: '' }) })],
  [
    'a hypervisor is one of the node',
    'SPEC_INVALID',
    'spec.hypervisor',
    (verbs) => verbs.create('x', { spec: plainSpec({ hypervisor: 'xen' }) }),
  ],
  [
    'the driver drives the field',
    'SPEC_UNSUPPORTED',
    'spec.vsock',
    (verbs) => verbs.create('x', { spec: plainSpec({ vsock: { id: 'v', cid: 7n } }) }),
  ],
  ['the rules of the contract hold', 'SPEC_INVALID', 'spec.title', (verbs) => verbs.create('x', { spec: plainSpec({ title: 'a\nb' }) })],
  [
    'the rules of the driver hold',
    'SPEC_INVALID',
    'spec.memory.size_bytes',
    (verbs) => verbs.create('x', { spec: plainSpec({ memory: {} }) }),
  ],
  [
    'no list is longer than any definition has it',
    'SPEC_INVALID',
    'spec.disks',
    (verbs) => verbs.create('x', { spec: plainSpec({ disks: Array.from({ length: 513 }, () => ({})) }) }),
  ],
  [
    'a password is there to keep',
    'SPEC_INVALID',
    'spec.graphics[0].vnc.password',
    (verbs) => verbs.create('x', { spec: plainSpec(vnc({ passwordSet: true })) }),
  ],
  ['a wait is not negative', 'REQUEST_INVALID', 'wait', (verbs) => verbs.create('x', { wait: { seconds: -1n } })],
  ['a request id stands for one request', 'REQUEST_INVALID', 'request_id', (verbs) => verbs.create('x', { requestId: again })],

  ['an update names something', 'REQUEST_INVALID', 'update_mask', (verbs) => verbs.update('web', { updateMask: [] })],
  ['* stands alone', 'REQUEST_INVALID', 'update_mask', (verbs) => verbs.update('web', { updateMask: ['*', 'title'] })],
  ['a hypervisor never changes', 'REQUEST_INVALID', 'update_mask', (verbs) => verbs.update('web', { updateMask: ['hypervisor'] })],
  ['a path does not lead into a list', 'REQUEST_INVALID', 'update_mask', (verbs) => verbs.update('web', { updateMask: ['disks.bus'] })],
  ['a path is one of a definition', 'REQUEST_INVALID', 'update_mask', (verbs) => verbs.update('web', { updateMask: ['__proto__'] })],
  ['a scope is known', 'REQUEST_INVALID', 'scope', (verbs) => verbs.update('web', { updateMask: ['title'], scope: 9 as ChangeScope })],
  [
    'what must become live can',
    'FEATURE_UNSUPPORTED',
    'spec.memory.size_bytes',
    (verbs) =>
      verbs.update('runs', { updateMask: ['memory.size_bytes'], spec: { memory: { sizeBytes: 65n * mebibyte } }, scope: ChangeScope.LIVE }),
  ],
  [
    'what is updated is valid',
    'SPEC_INVALID',
    'spec.title',
    (verbs) => verbs.update('web', { updateMask: ['title'], spec: { title: '\n' } }),
  ],

  [
    'a domain does not both run on and end',
    'REQUEST_INVALID',
    'keep_running',
    (verbs) => verbs.delete('web', { destroy: true, keepRunning: true }),
  ],
  ['grace is at most ten minutes', 'REQUEST_INVALID', 'grace', (verbs) => verbs.destroy('web', { grace: { seconds: 601n } })],
  ['a way of shutting down is known', 'REQUEST_INVALID', 'mode', (verbs) => verbs.shutdown('runs', { mode: 9 as never })],
  ['a way of rebooting is known', 'REQUEST_INVALID', 'mode', (verbs) => verbs.reboot('runs', { mode: -1 as never })],

  ['a device is given', 'REQUEST_INVALID', 'device', (verbs) => verbs.attach('web', {})],
  ['a kind of device is given', 'REQUEST_INVALID', 'device', (verbs) => verbs.updateDevice('web', { device: {} })],
  ['a device of a scope that is known', 'REQUEST_INVALID', 'scope', (verbs) => verbs.attach('web', { ...disk({}), scope: 9 as never })],
  ['the id of a device is its own', 'SPEC_INVALID', 'device.disk.id', (verbs) => verbs.attach('web', disk({ id: 'disk0' }))],
  ['the id of a device has a form', 'SPEC_INVALID', 'device.disk.id', (verbs) => verbs.attach('web', disk({ id: '-' }))],
  [
    'the rules of the driver for a device hold',
    'SPEC_INVALID',
    'device.disk.serial',
    (verbs) => verbs.attach('web', disk({ serial: 'bad' })),
  ],
  [
    'the driver drives the device',
    'SPEC_UNSUPPORTED',
    'device.filesystem.scratch',
    (verbs) => verbs.attach('web', { device: { device: { $case: 'filesystem', value: { scratch: true } } } }),
  ],
  ['a device to change is named', 'SPEC_INVALID', 'device.disk.id', (verbs) => verbs.updateDevice('web', disk({}))],
  ['a device to detach is named', 'REQUEST_INVALID', 'device', (verbs) => verbs.detach('web', '')],
  [
    'a guest gets at most ten minutes to let go',
    'REQUEST_INVALID',
    'guest_timeout',
    (verbs) => verbs.detach('web', 'disk0', { guestTimeout: { seconds: 601n } }),
  ],
  ['a disk has whole sectors', 'REQUEST_INVALID', 'size_bytes', (verbs) => verbs.resizeDisk('runs', 'disk0', 513n)],
  ['a new name has a form', 'NAME_INVALID', 'domain_id', (verbs) => verbs.rename('web', '..')],
  ['a format of dumps is known', 'REQUEST_INVALID', 'format', (verbs) => verbs.dump('runs', '/x', { format: 9 as never })],
  ['mount points are paths', 'REQUEST_INVALID', 'mount_points[1]', (verbs) => verbs.freeze('runs', { mountPoints: ['/', 'srv'] })],
  [
    'mount points are few',
    'REQUEST_INVALID',
    'mount_points',
    (verbs) => verbs.thaw('runs', { mountPoints: Array.from({ length: 257 }, () => '/') }),
  ],
  ['keys are few', 'REQUEST_INVALID', 'keys', (verbs) => verbs.sendKeys('runs', { keys: [] })],
  ['keys are known', 'REQUEST_INVALID', 'keys[1]', (verbs) => verbs.sendKeys('runs', { keys: ['KEY_A', 'A'] })],
  [
    'keys are held for at most ten seconds',
    'REQUEST_INVALID',
    'hold_time',
    (verbs) => verbs.sendKeys('runs', { keys: ['KEY_A'], holdTime: { seconds: 11n } }),
  ],
  ['a source of addresses is known', 'REQUEST_INVALID', 'source', (verbs) => verbs.addresses('runs', { source: 9 as never })],
];

describe('a verb is refused unless', () => {
  it.each(cases)('%s', async (_rule, reason, field, call) => {
    await using agent = await TestAgent.start();
    const verbs = verbsOf(agent);
    const disks = [{ id: 'disk0' }];
    await verbs.create('web', { requestId: again, spec: plainSpec({ disks }) });
    await verbs.create('runs', { start: true, spec: plainSpec({ disks }) });
    const before = agent.events().length;
    await expect(call(verbs)).rejects.toMatchObject({ reason, violations: [{ field }] });
    expect(agent.events()).toHaveLength(before);
    expect(agent.context.store.operations.unfinished()).toEqual([]);
    expect(agent.registry.size).toBe(2);
  });
});

type Item = Parameters<typeof OpenDomainConsoleRequest.fromPartial>[0]['item'];
const open = (over: object = {}): Item => ({ $case: 'open', value: { name: 'nodes/n1/domains/web', ...over } });
const input = (bytes: number): Item => ({ $case: 'input', value: Buffer.alloc(bytes) });

const consoleCases: readonly (readonly [rule: string, field: string, words: RegExp, items: readonly Item[]])[] = [
  ['it is opened first', 'open', /first message/, [input(1)]],
  ['it is opened at all', 'open', /first message/, [undefined]],
  ['something is sent', 'open', /first message/, []],
  ['its replay is a number of bytes', 'open.replay_bytes', /number of bytes/, [open({ replayBytes: -2n })]],
  ['it is opened once', 'open', /only be the first/, [open(), open()]],
  ['its input has at most 64 KiB in one message', 'input', /65537 bytes/, [open(), input(65_537)]],
  ['nothing is said by who only follows', 'input', /only followed/, [open({ readOnly: true }), input(1)]],
];

describe('a console is refused unless', () => {
  it.each(consoleCases)('%s', async (_rule, field, words, items) => {
    await using agent = await TestAgent.start();
    await verbsOf(agent).create('web', { start: true, spec: plainSpec({ serials: [{ id: 'serial0' }] }) });
    async function* requests(): AsyncGenerator<OpenDomainConsoleRequest> {
      for (const item of items) yield await Promise.resolve(OpenDomainConsoleRequest.fromPartial({ item }));
    }
    const reading = async (): Promise<void> => {
      for await (const _ of agent.context.consoles.open(requests(), testCall())) continue;
    };
    await expect(reading()).rejects.toMatchObject({
      reason: 'REQUEST_INVALID',
      violations: [{ field, description: expect.stringMatching(words) as string }],
    });
  });
});
