import type { Host, SpawnedProcess } from '@virtmesh/driver-spi';
import { createHost } from '@virtmesh/host';
import { mkdtempSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { rewind } from './files.ts';
import { logKeeperProgram, startLogKeeper } from './keeper.ts';
import { readLog } from './read-log.ts';

const maxBytes = 4096;

describe.each([2, 3])('a circular log of the real rotatelogs, of %i files', (files) => {
  let host: Host;
  let program: string;
  let directory: string;
  let count = 0;
  beforeAll(async () => {
    host = await createHost();
    program = (await host.processes.which(logKeeperProgram.name)) ?? expect.unreachable('rotatelogs is not installed');
    directory = mkdtempSync(join(tmpdir(), 'vml-'));
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  let log: { readonly path: string; readonly files: number; readonly maxBytes: number };
  beforeEach(() => {
    count += 1;
    log = { path: join(directory, `log${count}.log`), files, maxBytes };
  });

  const keeper = async (): Promise<{ readonly write: (text: string) => void; readonly end: () => Promise<void> }> => {
    const pipe = await host.sockets.pipe();
    const process: SpawnedProcess = await startLogKeeper(host, program, log, pipe.readFd);
    pipe.closeRead();
    return {
      write: (text) => void writeSync(pipe.writeFd, text),
      end: async () => {
        pipe.closeWrite();
        await process.exited;
      },
    };
  };
  const lines = (from: number, to: number): string =>
    Array.from({ length: to - from }, (_, index) => `${String(from + index).padStart(15, '0')}\n`).join('');
  const read = async (
    reading: { readonly replayBytes: number; readonly end?: Promise<unknown> },
    signal = AbortSignal.timeout(10_000),
  ): Promise<string> => {
    let text = '';
    for await (const bytes of readLog(host, log, { drainMs: 50, ...reading }, signal)) text += Buffer.from(bytes).toString('latin1');
    return text;
  };
  const onDisk = (text: string): Promise<void> => expect.poll(async () => (await read({ replayBytes: -1 })).endsWith(text)).toBe(true);

  it('is read without gap or repeat while it goes round many times', async () => {
    const { write, end } = await keeper();
    const ended = Promise.withResolvers<void>();
    const following = read({ replayBytes: -1, end: ended.promise });
    for (let at = 0; at < 2000; at += 20) {
      write(lines(at, at + 20));
      await new Promise((resolve) => setTimeout(resolve, 3));
    }
    await end();
    ended.resolve();
    expect(await following).toBe(lines(0, 2000));
  });

  it('keeps its newest part, in order, and gives as much of it as is asked for', async () => {
    const { write, end } = await keeper();
    for (let at = 0; at < 2000; at += 20) {
      write(lines(at, at + 20));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await end();
    const kept = await read({ replayBytes: -1 });
    expect(kept.length).toBeGreaterThan((files - 1) * maxBytes);
    expect(kept.length).toBeLessThan(files * 2 * maxBytes);
    expect(lines(0, 2000).endsWith(kept)).toBe(true);
    expect(await read({ replayBytes: 4000 })).toBe(kept.slice(-4000));
    expect(await read({ replayBytes: 0 })).toBe('');
  });

  it('loses the oldest part where the writer overtakes the reader, and nothing after that', async () => {
    const { write, end } = await keeper();
    write(lines(0, 100));
    await onDisk(lines(99, 100));
    const ended = Promise.withResolvers<void>();
    const output = readLog(host, log, { replayBytes: -1, end: ended.promise, drainMs: 50 }, AbortSignal.timeout(10_000));
    const first = Buffer.from((await output.next()).value as Uint8Array).toString('latin1');
    expect(first).toBe(lines(0, 100));
    for (let at = 100; at < 3000; at += 20) {
      write(lines(at, at + 20));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await end();
    ended.resolve();
    let rest = '';
    for await (const bytes of output) rest += Buffer.from(bytes).toString('latin1');
    expect(rest.length).toBeGreaterThan((files - 1) * maxBytes);
    expect(lines(100, 3000).endsWith(rest)).toBe(true);
  });

  it('goes on where it was at the next start, with the newest before what comes', async () => {
    for (let start = 0; start < 4; start += 1) {
      await rewind(host, log);
      const { write, end } = await keeper();
      for (let at = 0; at < 330; at += 10) {
        write(lines(start * 330 + at, start * 330 + at + 10));
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      await end();
    }
    const kept = await read({ replayBytes: -1 });
    expect(kept.length).toBeGreaterThan((files - 1) * maxBytes);
    expect(lines(0, 4 * 330).endsWith(kept)).toBe(true);
  });
});
