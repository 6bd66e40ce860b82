import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { DomainState, DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';
import { FieldEffect, RebootMode, ShutdownMode } from '@virtmesh/contracts/domain/v1/domain_service';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConsoleSession } from '../support/console-session.ts';
import { linuxGuest, mebibyte } from '../support/domain-specs.ts';
import { eventually } from '../support/eventually.ts';
import { type GuestImage, guestImage } from '../support/guest-image.ts';
import { freePort } from '../support/nats.ts';
import { TestSystem } from '../support/system.ts';
import type { TestClient } from '../support/test-client.ts';

let image: GuestImage;
let system: TestSystem;
beforeAll(async () => {
  image = await guestImage();
  system = await TestSystem.start({ fleet: true });
}, 120_000);
afterAll(async () => system[Symbol.asyncDispose]());

describe.each(['agent', 'fleet'] as const)('a Linux guest, driven through the %s', (scope) => {
  const id = `linux-${scope}`;
  let client: TestClient;
  let port = 0;
  let uid = '';
  beforeAll(async () => {
    client = await system.client(scope);
    port = await freePort();
    const spec = linuxGuest(image, `virtmesh.hostname=${id}`, {
      interfaces: [{ backend: { $case: 'user', value: { forwards: [{ hostPort: port, guestPort: 8080 }] } } }],
      memory: { sizeBytes: 192n * mebibyte, balloon: { statsPeriodSeconds: 1 } },
    });
    ({ uid } = await client.run(id, spec));
  });

  const console = (open: object = {}): ConsoleSession =>
    new ConsoleSession(client.connection, { name: client.name(id), replayBytes: -1n, ...open });
  const agentCame = (times: number): Promise<unknown> =>
    system.tape.until(`guest agent coming ${times} times`, () => system.tape.story(uid, /^(?!guest_agent came)/).length >= times, 100_000);
  const bootId = async (): Promise<string> => {
    await using shell = console({ replayBytes: 0n });
    shell.type('\n');
    return await shell.run('cat /proc/sys/kernel/random/boot_id');
  };

  it('boots, gets an address, and can be reached through a forwarded port', async () => {
    await using shell = console();
    await shell.until(new RegExp(`virtmesh guest: hello from ${id}`));
    await shell.until(/virtmesh guest: eth0 has 10\.0\.2\.15/);
    await shell.ready();
    shell.type(`echo "reached $(hostname)" | nc -l -p 8080\n`);
    const answer = await eventually('an answer of the guest', async () => {
      const socket = connect(port, '127.0.0.1');
      return (await text(socket).catch(() => '')) || undefined;
    });
    expect(answer).toBe(`reached ${id}\n`);
  });

  it('shows its guest agent', async () => {
    await agentCame(1);
    expect((await client.get(id)).status?.guestAgentConnected).toBe(true);
  });

  it('gives memory back by its balloon, and tells of it', async () => {
    const { domain, outcomes } = await client.update(id, ['memory.current_bytes'], { memory: { currentBytes: 160n * mebibyte } });
    expect(outcomes).toEqual([{ path: 'memory.current_bytes', effect: FieldEffect.LIVE, why: '' }]);
    expect(domain?.activeSpec?.memory).toMatchObject({ currentBytes: 160n * mebibyte, sizeBytes: 192n * mebibyte });
    const sizeNow = (): bigint | undefined =>
      system.tape
        .domains(uid)
        .flatMap(({ kind }) => (kind?.$case === 'balloon' ? [kind.value.memoryBytes] : []))
        .at(-1);
    await system.tape.until('a balloon at its goal', () => sizeNow() === 160n * mebibyte);
    await eventually('the balloon in the status', async () => (await client.get(id)).status?.memoryBytes === 160n * mebibyte);
    const stats = await eventually('a report of the guest', async () => {
      const now = await client.connection.domains.getDomainStats({ name: client.name(id) });
      return now.memory?.guestFreeBytes !== undefined && now;
    });
    expect(stats.memory).toMatchObject({ currentBytes: 160n * mebibyte, maximumBytes: 192n * mebibyte });
    expect(stats.memory?.guestAvailableBytes).toBeGreaterThan(mebibyte);
  });

  it('stands still while it is suspended', async () => {
    await using shell = console({ replayBytes: 0n });
    shell.type('n=0; while :; do n=$((n+1)); echo "tick $n"; usleep 50000; done\n');
    await shell.until(/tick 3\b/);
    expect((await client.suspend(id)).status).toMatchObject({ state: DomainState.PAUSED, reason: DomainStateReason.USER });
    // What was under way comes out; then nothing does.
    const still = await eventually('silence', async () => {
      const before = shell.text.length;
      await new Promise((resolve) => setTimeout(resolve, 400));
      return shell.text.length === before && shell.text;
    });
    await client.resume(id);
    const last = Number([...still.matchAll(/tick (\d+)/g)].at(-1)?.[1]);
    await shell.until(new RegExp(`tick ${last + 2}\\b`));
    shell.type('\x03');
    await shell.run('true');
  });

  it('reboots by reset and by its guest agent, in the same process', async () => {
    const before = await client.get(id);
    const first = await bootId();
    expect((await client.reboot(id, { mode: RebootMode.RESET })).status?.state).toBe(DomainState.RUNNING);
    const reset = await system.tape.untilStory(uid, 'reboot by host');
    expect(reset.context).toMatchObject({ requestor: 'virtmesh://local' });
    await agentCame(2);
    const second = await bootId();
    expect(second).not.toBe(first);
    await client.reboot(id, { mode: RebootMode.GUEST_AGENT });
    await system.tape.untilStory(uid, 'reboot by guest');
    await agentCame(3);
    expect(await bootId()).not.toBe(second);
    expect((await client.get(id)).status).toMatchObject({ pid: before.status?.pid, startCount: 1n, state: DomainState.RUNNING });
  });

  it('shuts down when its guest agent is asked, and when its power button is pressed', async () => {
    const ended = await client.shutdown(id, { mode: ShutdownMode.GUEST_AGENT });
    expect(ended.status).toMatchObject({
      state: DomainState.SHUTOFF,
      reason: DomainStateReason.SHUTDOWN,
      pid: 0n,
      guestAgentConnected: false,
    });
    await client.start(id);
    await using shell = console();
    await shell.ready(4);
    const again = await client.shutdown(id, { mode: ShutdownMode.ACPI });
    expect(again.status).toMatchObject({ state: DomainState.SHUTOFF, reason: DomainStateReason.SHUTDOWN });
    expect(await system.traces(uid)).toEqual([]);
  });

  it('told all of that in order', async () => {
    await client.delete(id);
    await system.tape.untilStory(uid, 'undefined removed');
    expect(system.tape.story(uid)).toEqual([
      'defined added',
      'started booted',
      'defined updated',
      'suspended paused',
      'resumed unpaused',
      'reboot by host',
      'reboot by guest',
      'shutdown guest',
      'stopped shutdown',
      'started booted',
      'shutdown guest',
      'stopped shutdown',
      'undefined removed',
    ]);
    const ends = system.tape.domains(uid).filter(({ kind }) => kind?.$case === 'lifecycle' && [6, 7].includes(kind.value.type));
    // What the guest did when it was asked is the doing of whoever asked.
    expect(ends.map((event) => event.context?.requestor)).toEqual(ends.map(() => 'virtmesh://local'));
  });
});
