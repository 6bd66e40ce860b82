import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { connectSocket } from './connect-socket.ts';

let directory: string;
let path: string;
let server: Server;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'vm-connect-'));
  path = join(directory, 'socket');
  server = createServer((connection) => connection.pipe(connection)).listen(path);
  await once(server, 'listening');
});

afterEach(async () => {
  await new Promise((resolve) => server.close(resolve));
  await rm(directory, { recursive: true });
});

it('stays connected when the deadline of the attempt passes later', async () => {
  const attempt = new AbortController();
  const socket = await connectSocket(path, attempt.signal);
  attempt.abort();
  socket.write('still here');
  const [answer] = (await once(socket, 'data')) as [Buffer];
  expect(answer.toString()).toBe('still here');
  socket.destroy();
});

it('gives up an attempt with its signal, and where nobody listens', async () => {
  await expect(connectSocket(path, AbortSignal.abort())).rejects.toThrow('aborted');
  await expect(connectSocket(`${path}-2`, AbortSignal.timeout(5_000))).rejects.toThrow('ENOENT');
});
