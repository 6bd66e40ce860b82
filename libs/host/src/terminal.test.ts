import type { TerminalProcess } from '@virtmesh/driver-spi';
import { readdirSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { hostProcesses } from './processes.ts';
import { systemCalls } from './system-calls.ts';

describe('a process in a terminal', () => {
  const processes = hostProcesses(systemCalls());
  const started: TerminalProcess[] = [];
  afterEach(async () => {
    for (const { stream, identity, exited } of started.splice(0)) {
      stream.destroy();
      processes.kill(identity, 'SIGKILL');
      await exited;
    }
  });

  async function start(script: string): Promise<TerminalProcess> {
    const process = await processes.spawnInTerminal({ file: 'sh', args: ['-c', script], size: { rows: 30, columns: 100 } });
    started.push(process);
    return process;
  }

  async function textOf({ stream }: TerminalProcess): Promise<string> {
    const parts: Buffer[] = [];
    for await (const bytes of stream as AsyncIterable<Buffer>) parts.push(bytes);
    return Buffer.concat(parts).toString();
  }

  const descriptors = (): number => readdirSync('/proc/self/fd').length;

  it('has it as its controlling terminal, in the size that is ordered', async () => {
    const process = await start('tty; stty size; tty </dev/tty; echo $$; exit 3');
    expect(await textOf(process)).toMatch(new RegExp(`^/dev/pts/\\d+\r\n30 100\r\n/dev/tty\r\n${process.identity.pid}\r\n$`));
    expect(await process.exited).toEqual({ code: 3, signal: undefined });
    expect(() => process.resize({ rows: 1, columns: 1 })).toThrow('the terminal is closed');
  });

  it('is told of another size, and takes what is typed', async () => {
    const process = await start('trap "stty size; exit" WINCH; read line; echo "got $line"; while :; do sleep 0.05; done');
    process.stream.write('hello\n');
    let text = '';
    process.stream.on('data', (bytes: Buffer) => (text += bytes.toString()));
    await expect.poll(() => text).toContain('got hello');
    process.resize({ rows: 40, columns: 65_535 });
    await process.exited;
    await expect.poll(() => text).toContain('40 65535\r\n');
  });

  it('loses nothing of what it wrote to a reader who comes late', async () => {
    const process = await start('seq 1 30000');
    // More than fits between the two: it waits, and this process does not.
    expect(await Promise.race([process.exited, new Promise((resolve) => setTimeout(() => resolve('waits'), 300))])).toBe('waits');
    const numbers = (await textOf(process)).split('\r\n');
    expect(numbers).toEqual([...Array.from({ length: 30_000 }, (_, index) => String(index + 1)), '']);
  });

  it('that reads nothing makes who types wait, not the event loop', async () => {
    const process = await start('echo ready; exec sleep 100');
    process.makeRaw();
    await expect.poll(() => String(process.stream.read() ?? '')).toContain('ready');
    let taken = false;
    process.stream.write(Buffer.alloc(1 << 20, 'x'), () => (taken = true));
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(taken).toBe(false);
    expect(process.stream.writableNeedDrain).toBe(true);
  });

  it('that takes its terminal over says so, and gets and gives bytes as they are where it is raw', async () => {
    let taken = false;
    // stty looks again at what it has set, and complains if the terminal was made raw meanwhile.
    const process = await start('read line; stty -ixon 2>/dev/null; read line; echo one; dd bs=1 count=3 2>/dev/null | od -An -tx1');
    void process.takenOver.then(() => (taken = true));
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(taken).toBe(false);
    process.stream.write('\n');
    await process.takenOver;
    process.makeRaw();
    process.stream.write(Buffer.from('\n\x03\x04\r'));
    expect(await textOf(process)).toBe('\r\none\n 03 04 0d\n');
    process.makeRaw();
  });

  it('leaves no descriptor behind, and is hung up with', async () => {
    await textOf(await start('true'));
    const before = descriptors();
    for (let round = 0; round < 5; round++) {
      await textOf(await start('echo text'));
      const waiting = await start('exec sleep 1000');
      await expect.poll(() => processes.identify(waiting.identity.pid)).toBeDefined();
      waiting.stream.destroy();
      expect(await waiting.exited).toMatchObject({});
      const missing = await start('exit 1');
      await missing.exited;
      missing.stream.destroy();
    }
    await expect.poll(descriptors).toBe(before);
    const nothing = await processes.spawnInTerminal({ file: '/nonexistent', args: [], size: { rows: 1, columns: 1 } });
    started.push(nothing);
    expect(await nothing.exited).toMatchObject({ code: 127 });
  });
});
