import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ShutdownMode, RebootMode } from '@virtmesh/contracts/domain/v1/domain_service';
import { AddressSource } from '@virtmesh/contracts/domain/v1/guest';
import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { Filesystem } from '@virtmesh/contracts/domain/v1/filesystem';
import { HostDevice } from '@virtmesh/contracts/domain/v1/host_device';
import { runSteps } from '@virtmesh/base';
import { type DeviceChange, withDevice, withoutDevice } from '@virtmesh/driver-spi';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Life, type RunningGuest, soon, World } from '../testing/world.ts';

describe('a running container', () => {
  let world: World;
  let life: Life;
  beforeEach(async () => {
    world = await World.open();
    life = await world.life();
  });
  afterEach(() => world[Symbol.asyncDispose]());

  const init = { container: { init: { path: '/sbin/init' } }, consoles: [{}] };

  it('is asked to shut down after a reboot that goes on, though the init that ends would not heed it', async () => {
    const guest = life.newGuest();
    const running = await life.start(guest, life.spec(guest, init));
    await life.feature('reboot').reboot(guest, RebootMode.SIGNAL, soon());
    await life.driver.lifecycle.requestShutdown(guest, ShutdownMode.SIGNAL, soon());
    await expect
      .poll(() => life.of(guest), { timeout: 20_000 })
      .toEqual([
        { t: 'reboot', uid: guest.uid, byGuest: false },
        { t: 'shutdown', uid: guest.uid, byGuest: false },
        { t: 'exited', uid: guest.uid, how: 'shutdown', message: '' },
      ]);
    await life.finish(running);
  }, 40_000);

  it('with an init of its own is asked to shut down and to reboot', async () => {
    const guest = life.newGuest();
    const running = await life.start(guest, life.spec(guest, init));
    await booted(life, running);
    await life.feature('reboot').reboot(guest, RebootMode.SIGNAL, soon());
    await expect.poll(() => life.of(guest)).toEqual([{ t: 'reboot', uid: guest.uid, byGuest: false }]);
    await expect.poll(async () => (await life.driver.lifecycle.observe(guest, soon())).state).toBe('running');
    await expect
      .poll(() =>
        life.exec(guest, ['true']).then(
          ({ exitCode }) => exitCode,
          () => -1,
        ),
      )
      .toBe(0);
    await life.driver.lifecycle.requestShutdown(guest, ShutdownMode.SIGNAL, soon());
    await expect
      .poll(() => life.of(guest).slice(1))
      .toEqual([
        { t: 'shutdown', uid: guest.uid, byGuest: false },
        { t: 'exited', uid: guest.uid, how: 'shutdown', message: '' },
      ]);
    expect((await life.driver.lifecycle.observe(guest, soon())).state).toBe('gone');
    await life.finish(running);
  }, 40_000);

  it('is suspended and resumed, destroyed while suspended, and started suspended', async () => {
    const guest = life.newGuest();
    const spec = life.spec(guest, { container: { init: { path: '/bin/sh', args: ['-c', 'while :; do date >> /log; sleep 0.05; done'] } } });
    const running = await life.start(guest, spec);
    const feature = life.feature('suspend');
    const suspend = (): Promise<void> => feature.suspend(guest, soon());
    await suspend();
    await suspend();
    expect(await life.driver.lifecycle.observe(guest, soon())).toMatchObject({ state: 'paused' });
    await expect(life.exec(guest, ['true'])).rejects.toMatchObject({ reason: 'STATE_INVALID' });
    await feature.resume(guest, soon());
    expect((await life.exec(guest, ['true'])).exitCode).toBe(0);
    await suspend();
    await life.finish(running);
    expect(life.of(guest).map((event) => (event.t === 'state' ? event.state : event.t))).toEqual(['paused', 'running', 'paused', 'exited']);
    const again = await life.start(guest, spec, { paused: true });
    expect(again.started.observed.state).toBe('paused');
    await life.finish(again);
  });

  it('has what its consoles write kept in logs, and takes what is typed', async () => {
    const guest = life.newGuest();
    const script =
      'echo on the first; (exec </dev/tty1 >/dev/tty1; echo on the second; read line; echo "got $line") & read line; echo "got $line"; sleep 1000';
    const spec = life.spec(guest, {
      container: { init: { path: '/bin/sh', args: ['-c', script] } },
      consoles: [{ id: 'main' }, { id: 'second' }],
    });
    const running = await life.start(guest, spec);
    const console = life.feature('console');
    expect(console.devices(spec)).toEqual(['main', 'second']);
    const texts = new Map<string, string>();
    const stop = new AbortController();
    const reading = ['main', 'second'].map(async (device) => {
      for await (const bytes of console.output(guest, device, { replayBytes: -1, follow: true }, stop.signal))
        texts.set(device, (texts.get(device) ?? '') + Buffer.from(bytes).toString());
    });
    await expect.poll(() => texts.get('second')).toContain('on the second');
    for (const device of ['main', 'second']) {
      await using input = await console.input(guest, device, soon());
      await input.write(Buffer.from(`hello ${device}\n`));
    }
    await expect.poll(() => texts.get('main')).toMatch(/^on the first[^]*got hello main/);
    await expect.poll(() => texts.get('second')).toContain('got hello second');
    await expect(console.input(guest, 'third', soon())).rejects.toMatchObject({ reason: 'DEVICE_NOT_FOUND' });
    await life.driver.lifecycle.destroy(guest, { graceMs: 0 }, soon());
    await Promise.all(reading);
    await life.finish(running);
  });

  it('keeps no more of a console than the bound, and the last of it', async () => {
    const guest = life.newGuest();
    const script = 'i=0; while [ $i -lt 20000 ]; do echo "line $i of many"; i=$((i+1)); done; echo the end; sleep 1000';
    const running = await life.start(
      guest,
      life.spec(guest, { container: { init: { path: '/bin/sh', args: ['-c', script] } }, consoles: [{ id: 'main' }] }),
    );
    const read = async (replayBytes: number): Promise<string> => {
      let text = '';
      for await (const bytes of life.feature('console').output(guest, 'main', { replayBytes, follow: false }, soon()))
        text += Buffer.from(bytes).toString();
      return text;
    };
    await expect.poll(() => read(20)).toContain('the end');
    const all = await read(-1);
    expect(all.length).toBeGreaterThan(60_000);
    expect(all.length).toBeLessThanOrEqual(2 * 65_536);
    const numbers = [...all.matchAll(/line (\d+) of many/g)].map(([, number]) => Number(number));
    expect(numbers.at(-1)).toBe(19_999);
    expect(numbers.every((number, index) => index === 0 || number === (numbers[index - 1] ?? 0) + 1)).toBe(true);
    await life.finish(running);
  });

  it('tells of itself: what it has used, what it is, and its addresses', async () => {
    const guest = life.newGuest();
    const running = await life.start(
      guest,
      life.spec(guest, {
        container: { init: { path: '/bin/sh', args: ['-c', 'i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; sleep 1000'] } },
      }),
    );
    const stats = await life.feature('stats').stats(guest, running.spec, soon());
    expect(stats.fault).toBeUndefined();
    await expect
      .poll(async () => (await life.feature('stats').stats(guest, running.spec, soon())).cpu?.timeNs)
      .toBeGreaterThan(20_000_000n);
    expect(stats.memory).toMatchObject({ maximumBytes: 64n << 20n });
    expect(stats.memory?.residentBytes).toBeGreaterThan(0n);
    const info = await life.feature('guestInfo').guestInfo(guest, running.spec, soon());
    expect(info).toMatchObject({
      hostname: guest.id,
      os: { id: 'busybox', name: 'Busy Box', prettyName: 'Busy Box 1', machine: 'x86_64' },
    });
    expect(info.filesystems[0]).toMatchObject({ mountPoint: '/' });
    expect(info.filesystems[0]?.totalBytes).toBeGreaterThan(0n);
    const addresses = await life.feature('addresses').addresses(guest, running.spec, AddressSource.GUEST, soon());
    expect(addresses).toMatchObject([{ name: 'lo', addresses: expect.arrayContaining(['127.0.0.1/8']) }]);
    await life.finish(running);
    expect((await life.feature('stats').stats(guest, running.spec, soon())).fault).toMatchObject({ reason: 'STATE_INVALID' });
  });

  it('gets other limits while it runs, all or none', async () => {
    const guest = life.newGuest();
    const spec = life.spec(guest);
    const running = await life.start(guest, spec);
    const update = life.feature('liveUpdate');
    const target = DomainSpec.fromPartial({
      ...spec,
      memory: { sizeBytes: 32n << 20n, tune: { swapHardLimitBytes: 48n << 20n } },
      cpu: { vcpus: 2, maxVcpus: 2, tune: { shares: 512n, affinity: '0' } },
      container: { ...spec.container, maxProcesses: 50n },
    });
    const paths = ['memory.size_bytes', 'memory.tune', 'cpu.vcpus', 'cpu.max_vcpus', 'cpu.tune', 'container.max_processes'];
    for (const path of paths) expect(update.verdict(path, spec, target)).toEqual({ supported: true });
    expect(update.verdict('container.init', spec, DomainSpec.fromPartial({ ...spec, container: { init: { path: '/x' } } }))).toMatchObject({
      supported: false,
    });
    const read = (controller: string, file: string): string =>
      execFileSync('cat', [`/sys/fs/cgroup/${controller}/virtmesh-${guest.uid}/${file}`], { encoding: 'utf8' }).trim();
    await update.apply(guest, spec, target, paths, soon());
    const files = [
      ['memory', 'memory.limit_in_bytes'],
      ['memory', 'memory.memsw.limit_in_bytes'],
      ['cpu', 'cpu.cfs_quota_us'],
      ['cpu', 'cpu.shares'],
      ['cpuset', 'cpuset.cpus'],
      ['pids', 'pids.max'],
    ] as const;
    const values = (): string[] => files.map(([controller, file]) => read(controller, file));
    expect(values()).toEqual([String(32 << 20), String(48 << 20), '200000', '512', '0', '50']);
    // One that the kernel refuses takes back those before it.
    const bad = DomainSpec.fromPartial({
      ...target,
      memory: { ...target.memory, sizeBytes: 40n << 20n },
      cpu: { ...target.cpu, tune: { ...target.cpu?.tune, affinity: '4000' } },
    });
    await expect(update.apply(guest, target, bad, ['memory.size_bytes', 'cpu.tune'], soon())).rejects.toMatchObject({
      reason: 'HYPERVISOR_FAILED',
      metadata: { file: 'cpuset.cpus' },
    });
    expect(values()).toEqual([String(32 << 20), String(48 << 20), '200000', '512', '0', '50']);
    await update.apply(guest, target, spec, paths, soon());
    expect(values().slice(2)).toEqual(['100000', '1024', expect.stringMatching(/^0-\d+$/), 'max']);
    await life.finish(running);
  });

  it('gets and gives back file systems and devices', async () => {
    const guest = life.newGuest();
    const spec = life.spec(guest);
    const running = await life.start(guest, spec);
    const data = join(world.images, 'some data');
    mkdirSync(data);
    writeFileSync(join(data, 'file'), 'of the node');
    let now = spec;
    const change = async (what: DeviceChange['what'], device: string, to: DomainSpec): Promise<void> => {
      const order = {
        guest,
        change: { what, device },
        from: now,
        to: life.driver.complete(to, guest),
        guestTimeoutMs: 1000,
        force: false,
        save: () => {},
      };
      expect(life.feature('hotplug').verdict(order.change, order.from, order.to)).toEqual({ supported: true });
      const plan = life.feature('hotplug').plan(order);
      await runSteps(plan.steps, soon());
      // A repeat changes nothing.
      await runSteps(plan.steps, soon());
      now = plan.changed();
    };
    const filesystem = (value: Parameters<typeof Filesystem.fromPartial>[0]): DomainSpec =>
      withDevice(now, { $case: 'filesystem', value: Filesystem.fromPartial(value) });
    await change(
      'attach',
      'fs1',
      filesystem({ id: 'fs1', source: { $case: 'directoryPath', value: data }, target: '/mnt/a b', readOnly: true }),
    );
    expect((await life.exec(guest, ['cat', '/mnt/a b/file'])).output).toBe('of the node');
    expect((await life.exec(guest, ['touch', '/mnt/a b/new'])).exitCode).toBe(1);
    // What the node makes there to bring others in is not the container's to change.
    expect(await life.exec(guest, ['sh', '-c', 'test -d /dev/.virtmesh && echo > /dev/.virtmesh/fs2'])).toMatchObject({
      exitCode: 1,
      error: expect.stringContaining('Read-only file system') as unknown,
    });
    await change('attach', 'fs2', filesystem({ id: 'fs2', source: { $case: 'ram', value: { sizeBytes: 65536n } }, target: '/mnt/ram' }));
    expect((await life.exec(guest, ['sh', '-c', 'dd if=/dev/zero of=/mnt/ram/x bs=1024 count=1024; stat -c %s /mnt/ram/x'])).output).toBe(
      '65536\n',
    );
    await life.exec(guest, ['sh', '-c', 'cd /mnt/ram && sleep 100 >/dev/null 2>&1 </dev/null &']);
    await expect(change('detach', 'fs2', withoutDevice(now, 'fs2'))).rejects.toMatchObject({ reason: 'DEVICE_BUSY' });
    await life.exec(guest, [
      'sh',
      '-c',
      "kill $(ps | grep 'sleep 100$' | grep -v grep | head -1 | sed 's/^ *//' | cut -d' ' -f1) 2>/dev/null || true",
    ]);
    await change('detach', 'fs1', withoutDevice(now, 'fs1'));
    expect((await life.exec(guest, ['ls', '/mnt/a b'])).output).toBe('');
    await change(
      'attach',
      'h0',
      withDevice(now, {
        $case: 'hostDevice',
        value: HostDevice.fromPartial({ id: 'h0', source: { $case: 'characterPath', value: '/dev/fuse' } }),
      }),
    );
    expect((await life.exec(guest, ['sh', '-c', 'test -c /dev/fuse && exec 3<>/dev/fuse && echo opened'])).output).toBe('opened\n');
    await change('detach', 'h0', withoutDevice(now, 'h0'));
    expect((await life.exec(guest, ['ls', '/dev/fuse'])).exitCode).toBe(1);
    await life.finish(running);
  });

  it('has places for file systems made among its own files, wherever its symlinks lead', async () => {
    const guest = life.newGuest();
    const rootfs = world.rootfs();
    const running = await life.start(guest, life.spec(guest, {}, rootfs));
    const outside = join(world.directory, 'outside');
    mkdirSync(outside);
    symlinkSync(outside, join(rootfs, 'escape'));
    mkdirSync(join(rootfs, outside), { recursive: true });
    const monitor = running.started.observed.pid;
    const pid = Number(readFileSync(`/proc/${monitor}/task/${monitor}/children`, 'utf8').trim());
    const order = { source: 'tmpfs', target: '/escape/made/here', makeTarget: true, type: 'tmpfs', options: [], pid };
    await world.host.mounts.mount(order, soon());
    expect(readdirSync(outside)).toEqual([]);
    expect((await life.exec(guest, ['cat', '/proc/mounts'])).output).toContain(`tmpfs ${outside}/made/here `);
    await life.finish(running);
  });
});

/** A first process gets only those signals that it has asked for, which an init has not yet as it begins. */
async function booted(life: Life, { guest, spec }: RunningGuest): Promise<void> {
  const [device = ''] = spec.consoles.map(({ id }) => id);
  let text = '';
  for await (const bytes of life.feature('console').output(guest, device, { replayBytes: -1, follow: true }, soon())) {
    text += Buffer.from(bytes).toString();
    if (text.includes('booted')) return;
  }
}
