import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Life, soon, World } from '../testing/world.ts';

describe('a container', () => {
  let world: World;
  let life: Life;
  beforeEach(async () => {
    world = await World.open();
    life = await world.life();
  });
  afterEach(() => world[Symbol.asyncDispose]());

  it('is started, runs commands, and is destroyed with nothing left of it', async () => {
    const guest = life.newGuest();
    const running = await life.start(guest, life.spec(guest));
    expect(running.started.observed).toMatchObject({ state: 'running', memoryBytes: 64n << 20n, vcpus: 1 });
    expect(await life.exec(guest, ['hostname'])).toMatchObject({ output: `${guest.id}\n`, exitCode: 0 });
    expect(await life.exec(guest, ['/bin/sh', '-c', 'echo no >&2; exit 7'])).toEqual({ output: '', error: 'no\n', exitCode: 7, signal: 0 });
    await life.driver.lifecycle.destroy(guest, { graceMs: 0 }, soon());
    expect(life.of(guest)).toEqual([{ t: 'exited', uid: guest.uid, how: 'destroyed', message: '' }]);
    await life.driver.lifecycle.release(guest, running.record);
    await life.driver.lifecycle.forget(guest);
    expect(readdirSync(join(world.directory, 'run'))).toEqual(['_shared']);
    expect(readdirSync(join(world.directory, 'run', '_shared'))).toEqual([]);
    expect(readdirSync(join(world.directory, 'state', 'domains'))).toEqual([]);
    expect(leftovers(guest.uid)).toEqual([]);
    await life.driver.lifecycle.destroy(guest, { graceMs: 0 }, soon());
  });

  it('runs also where all space for what LXC says of containers is taken', async () => {
    const [first, second] = [life.newGuest(), life.newGuest()];
    const running = await life.start(first, life.spec(first));
    const log = join(world.directory, 'run', '_shared', `${first.uid}.log`);
    expect(existsSync(log)).toBe(true);
    expect(() => writeFileSync(log, Buffer.alloc(17 << 20))).toThrow('ENOSPC');
    const other = await life.start(second, life.spec(second));
    expect((await life.exec(second, ['echo', 'here'])).output).toBe('here\n');
    await life.finish(other);
    await life.finish(running);
    expect(existsSync(log)).toBe(false);
  });

  it("holds nothing of the node's open that it could change", async () => {
    const guest = life.newGuest();
    const running = await life.start(guest, life.spec(guest, { container: { init: { path: '/bin/sleep', args: ['1000'] } } }));
    const { pid } = running.started.observed;
    const init = Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1'));
    await expect.poll(() => readFileSync(`/proc/${init}/comm`, 'latin1')).toBe('sleep\n');
    const node = statSync('/dev/null');
    expect(readdirSync(`/proc/${init}/fd`)).toEqual(['0', '1', '2']);
    for (const descriptor of [0, 1, 2]) {
      const { dev, ino, rdev } = statSync(`/proc/${init}/fd/${descriptor}`);
      expect(rdev).toBe(node.rdev);
      expect(`${dev}:${ino}`).not.toBe(`${node.dev}:${node.ino}`);
    }
    await life.finish(running);
  });

  it('outlives its agent, and is adopted by the next', async () => {
    const guest = life.newGuest();
    const running = await life.start(guest, life.spec(guest));
    await life.end();
    const next = await world.life();
    const observed = await next.driver.lifecycle.adopt(guest, running.spec, running.record, soon());
    expect(observed).toMatchObject({ state: 'running', pid: running.started.observed.pid });
    expect((await next.exec(guest, ['echo', 'here'])).output).toBe('here\n');
    // Of a later end it is told, and how it ended.
    process.kill(Number(readFileSync(`/proc/${observed.pid}/task/${observed.pid}/children`, 'latin1')), 'SIGKILL');
    await expect.poll(() => next.of(guest)).toMatchObject([{ t: 'exited', how: 'crashed', message: expect.stringContaining('signal 9') }]);
    await next.finish(running);
  });
});

/** What a container can leave behind on its node. */
export function leftovers(uid: string): string[] {
  const hierarchies = readdirSync('/sys/fs/cgroup').map((name) => join('/sys/fs/cgroup', name));
  return hierarchies
    .flatMap((hierarchy) => [`virtmesh-${uid}`, `virtmesh-${uid}-monitor`].map((name) => join(hierarchy, name)))
    .filter((path) => existsSync(path))
    .concat(readFileSync('/proc/self/mountinfo', 'utf8').includes(uid) ? ['mounts'] : []);
}
