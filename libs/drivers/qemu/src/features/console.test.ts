import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { echoReady } from '../testing/echo-guest.ts';
import { type Life, soon, World } from '../testing/world.ts';

/** Reads until what was read matches, or the output ends. */
async function readUntil(output: AsyncIterable<Uint8Array>, matches: (text: string) => boolean): Promise<string> {
  let text = '';
  for await (const bytes of output) {
    text += Buffer.from(bytes).toString('latin1');
    if (matches(text)) break;
  }
  return text;
}

describe('the console of a real guest', () => {
  let world: World;
  let life: Life;
  beforeAll(async () => {
    world = await World.open();
    life = await world.life();
  });
  afterAll(() => world[Symbol.asyncDispose]());
  const all = { replayBytes: -1, follow: true };

  it('carries both ways, is kept while no agent runs, and can be read after the end', async () => {
    const guest = life.newGuest();
    const running = await life.start(guest, life.spec(guest, world.echoImage(`${guest.id}.raw`), { serials: [{}] }));
    const consoles = life.feature('console');
    expect(consoles.devices(running.spec)).toEqual(['serial0']);
    await readUntil(consoles.output(guest, 'serial0', all, soon()), (text) => text.includes(echoReady));
    const follower = readUntil(consoles.output(guest, 'serial0', all, soon()), (text) => text.endsWith('!'));
    {
      await using input = await consoles.input(guest, 'serial0', soon());
      await input.write(Buffer.from('abc'));
      await readUntil(consoles.output(guest, 'serial0', all, soon()), (text) => text.endsWith('abc'));
    }
    await life.end();
    const { connect } = await import('node:net');
    const alone = connect(`${world.runDir(guest)}/serial0.sock`).resume();
    alone.write('def!');
    expect(await follower).toMatch(/abcdef!$/);
    alone.destroy();

    life = await world.life();
    await life.driver.lifecycle.adopt(guest, running.started.activeSpec, running.record, soon());
    const late = life.feature('console');
    const replayed = Promise.withResolvers<void>();
    const toTheEnd = readUntil(late.output(guest, 'serial0', { replayBytes: 4, follow: true }, soon()), (text) => {
      if (text === 'def!') replayed.resolve();
      return false;
    });
    // What is typed before would be among the last bytes.
    await replayed.promise;
    await using input = await late.input(guest, 'serial0', soon());
    await input.write(Buffer.from('xq'));
    expect(await toTheEnd).toBe('def!xq');
    await expect(input.write(Buffer.from('y'))).rejects.toMatchObject({ reason: 'STATE_INVALID' });
    expect(await readUntil(late.output(guest, 'serial0', { replayBytes: -1, follow: false }, soon()), () => false)).toMatch(/abcdef!xq$/);
    await life.finish(running);
    expect(await readUntil(late.output(guest, 'serial0', { replayBytes: 2, follow: false }, soon()), () => false)).toBe('xq');
    await life.driver.lifecycle.forget(guest);
    expect(await readUntil(late.output(guest, 'serial0', all, soon()), () => false)).toBe('');
  });

  it('refuses a device that is not there, and ends with its reader', async () => {
    const guest = life.newGuest();
    const running = await life.start(guest, life.spec(guest, undefined, { serials: [{}] }));
    const consoles = life.feature('console');
    await expect(consoles.input(guest, 'serial9', soon())).rejects.toMatchObject({ reason: 'DEVICE_NOT_FOUND' });
    expect(() => consoles.output(guest, '../serial0', all, soon())).toThrow('"../serial0" is not the id of one; it has serial0');
    const leaving = new AbortController();
    const reading = readUntil(consoles.output(guest, 'serial0', all, leaving.signal), () => false);
    leaving.abort();
    expect(await reading).toBe('');
    await life.finish(running);
  });

  it('says what to install where the log keeper is missing', async () => {
    const { host } = world;
    const bare = await world.life({
      host: {
        ...host,
        processes: { ...host.processes, which: async (program) => (program === 'rotatelogs' ? undefined : host.processes.which(program)) },
      },
    });
    expect(bare.driver.features.console).toBeUndefined();
    expect(bare.driver.explain(undefined, 'console')).toEqual({ supported: false, why: expect.stringContaining('apache2-utils') });
    const guest = bare.newGuest();
    await expect(bare.start(guest, bare.spec(guest, undefined, { serials: [{}] }))).rejects.toMatchObject({
      reason: 'HOST_INCOMPATIBLE',
      metadata: { package: 'apache2-utils' },
    });
    const quiet = await bare.start(guest, bare.spec(guest, undefined));
    await bare.finish(quiet);
  });
});
