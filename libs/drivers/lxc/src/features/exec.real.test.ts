import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecSession, GuestRef } from '@virtmesh/driver-spi';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Life, outcome, soon, World } from '../testing/world.ts';

describe('a running container', () => {
  let world: World;
  let life: Life;
  beforeEach(async () => {
    world = await World.open();
    life = await world.life();
  });
  afterEach(() => world[Symbol.asyncDispose]());

  it('runs commands with input, environment, users, directories and signals', async () => {
    const guest = life.newGuest();
    const running = await life.start(
      guest,
      life.spec(guest, { container: { init: { path: '/bin/sleep', args: ['1000'], environment: { FROM: 'init' } } } }),
    );
    expect((await life.exec(guest, ['cat'], { input: 'a\0b' })).output).toBe('a\0b');
    const tricky = ["a'b", '$(id)', '"', 'two\nlines', ''];
    expect((await life.exec(guest, ['sh', '-c', 'for a in "$@"; do printf "[%s]" "$a"; done', 'sh', ...tricky])).output).toBe(
      tricky.map((arg) => `[${arg}]`).join(''),
    );
    expect(
      (
        await life.exec(guest, ['sh', '-c', 'echo "$FROM $X"; id -u; id -g; pwd'], {
          environment: { X: 'y z\n' },
          uid: 12,
          gid: 13,
          workingDirectory: '/mnt',
        })
      ).output,
    ).toBe('init y z\n\n12\n13\n/mnt\n');
    expect(await life.exec(guest, ['sh', '-c', 'kill -9 $$'])).toMatchObject({ exitCode: 137, signal: 9 });
    await using numbered = await life
      .feature('exec')
      .exec(guest, { command: ['sh', '-c', 'echo $$; read line'], environment: {}, workingDirectory: '/', uid: 0, gid: 0 }, soon());
    numbered.endInput();
    expect((await outcome(numbered)).output).toBe(`${numbered.pid}\n`);
    for (const [order, field] of [
      [{ command: ['/nonexistent'] }, 'open.command'],
      [{ command: ['nonexistent'] }, 'open.command'],
      [{ command: [] }, 'open.command'],
      [{ command: ['ls'], workingDirectory: '/nonexistent' }, 'open.working_directory'],
      [{ command: ['ls'], environment: { 'A=B': '' } }, 'open.environment'],
    ] as const)
      await expect(
        life.feature('exec').exec(guest, { environment: {}, workingDirectory: '/', uid: 0, gid: 0, ...order }, soon()),
      ).rejects.toMatchObject({
        reason: 'REQUEST_INVALID',
        violations: [{ field }],
      });
    const sleeper = await life
      .feature('exec')
      .exec(guest, { command: ['sleep', '100'], environment: {}, workingDirectory: '/', uid: 0, gid: 0 }, soon());
    await expect.poll(async () => (await life.exec(guest, ['ps'])).output).toContain('sleep 100');
    await sleeper.kill(15);
    expect(await outcome(sleeper)).toMatchObject({ exitCode: 143, signal: 15 });
    await life.finish(running);
  });

  it('gives commands their environment without showing it to others on the node', async () => {
    const guest = life.newGuest();
    const running = await life.start(guest, life.spec(guest));
    const environment = { SECRET: `"it's  $HOME" # `, LD_PRELOAD: '/none' };
    const order = { command: ['sh', '-c', 'echo "<$SECRET>"; read line'], environment, workingDirectory: '/', uid: 0, gid: 0 };
    const session = await life.feature('exec').exec(guest, order, soon());
    const lines: (readonly string[])[] = [];
    await world.host.processes.find((line) => line.includes(guest.uid) && lines.push(line) > 0);
    expect(lines.flat()).toContain('--clear-env');
    expect(JSON.stringify(lines)).not.toContain('$HOME');
    expect(readdirSync(join(world.directory, 'run', guest.uid)).filter((name) => name.startsWith('_exec'))).toEqual([]);
    session.endInput();
    expect((await outcome(session)).output).toBe(`<${environment.SECRET}>\n`);
    await life.finish(running);
  });

  it('runs commands in terminals, of the size that they are given', async () => {
    const guest = life.newGuest();
    const running = await life.start(guest, life.spec(guest));
    const script = 'tty; stty size; trap "stty size; exit 5" WINCH; echo waits; while :; do sleep 0.05; done';
    const session = await inTerminal(life, guest, ['sh', '-c', script]);
    await expect.poll(() => session.text).toMatch(/^\/dev\/pts\/\d+\r\n24 80\r\nwaits\r\n$/);
    await session.resize({ rows: 50, columns: 132 });
    expect(await session.ended).toEqual({ exitCode: 5, signal: 0 });
    await session.read;
    expect(session.text).toMatch(/waits\r\n50 132\r\n$/);
    await expect(session.resize({ rows: 1, columns: 1 })).rejects.toMatchObject({ reason: 'STATE_INVALID' });
    await life.finish(running);
  });

  it('runs commands in terminals, where what is typed comes, at once too, and Ctrl-C interrupts', async () => {
    const guest = life.newGuest();
    const running = await life.start(guest, life.spec(guest));
    const reader = await inTerminal(life, guest, ['sh', '-c', 'read line; echo "got <$line>"; cat; exit 3']);
    await reader.write(Buffer.from('hello\n'));
    reader.endInput();
    expect(await reader.ended).toEqual({ exitCode: 3, signal: 0 });
    await reader.read;
    expect(reader.text).toContain('got <hello>\r\n');
    // The shell stays: dd lets go of the terminal before it ends, and a terminal that nobody has any more hangs up.
    const copier = await inTerminal(life, guest, ['sh', '-c', 'stty raw -echo; echo ready; dd bs=1 count=6 2>/dev/null; true']);
    await expect.poll(() => copier.text).toBe('ready\n');
    await copier.write(Buffer.from('\x01q\x03\n\r\x13'));
    expect(await copier.ended).toEqual({ exitCode: 0, signal: 0 });
    await copier.read;
    expect(copier.text).toBe('ready\n\x01q\x03\n\r\x13');
    const sleeper = await inTerminal(life, guest, ['sh', '-c', 'echo sleeps; exec sleep 100']);
    await expect.poll(() => sleeper.text).toContain('sleeps');
    await sleeper.write(Uint8Array.of(3));
    expect(await sleeper.ended).toEqual({ exitCode: 130, signal: 2 });
    const killed = await inTerminal(life, guest, ['sh', '-c', 'echo sleeps; exec sleep 100']);
    await expect.poll(() => killed.text).toContain('sleeps');
    await killed.kill(15);
    expect(await killed.ended).toEqual({ exitCode: 143, signal: 15 });
    await life.finish(running);
  });

  it('leaves nothing of a terminal behind, however its command ends', async () => {
    const guest = life.newGuest();
    const running = await life.start(guest, life.spec(guest));
    await life.exec(guest, ['true'], { terminal });
    const descriptors = (): number => readdirSync('/proc/self/fd').length;
    const before = descriptors();
    for (let round = 0; round < 3; round++) {
      expect(await life.exec(guest, ['sh', '-c', 'exit 4'], { terminal })).toMatchObject({ exitCode: 4 });
      const session = await inTerminal(life, guest, ['sh', '-c', 'echo sleeps; exec sleep 1234']);
      await expect.poll(() => session.text).toContain('sleeps');
      await session[Symbol.asyncDispose]();
      await session.read;
    }
    await expect.poll(descriptors).toBe(before);
    await expect.poll(async () => (await life.exec(guest, ['ps'])).output).not.toContain('sleep 1234');
    await life.finish(running);
  });
});

const terminal = { rows: 24, columns: 80 };

type Typed = ExecSession & { readonly text: string; readonly read: Promise<void> };

/** A command in a terminal, with all that it has shown so far. */
async function inTerminal(life: Life, guest: GuestRef, command: readonly string[]): Promise<Typed> {
  const order = { command, environment: {}, workingDirectory: '/', uid: 0, gid: 0, terminal };
  const session = await life.feature('exec').exec(guest, order, soon());
  let text = '';
  const read = (async () => {
    for await (const { bytes } of session.output) text += Buffer.from(bytes).toString();
  })();
  return {
    pid: session.pid,
    output: session.output,
    ended: session.ended,
    write: (bytes) => session.write(bytes),
    endInput: () => session.endInput(),
    resize: (size) => session.resize(size),
    kill: (signal) => session.kill(signal),
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
    get text() {
      return text;
    },
    read,
  };
}
