import { type ChildProcess, spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { sleep } from '@virtmesh/base';
import { expect, onTestFinished, test } from 'vitest';
import { temporaryDirectory } from './testing/fixture.ts';

const kit = new URL('./index.ts', import.meta.url).href;
const zod = import.meta.resolve('zod');

interface Run {
  readonly child: ChildProcess;
  /** What it has written so far. */
  readonly out: () => string;
  readonly err: () => string;
  /** Resolves when a line with these words is there. */
  said(words: string): Promise<void>;
  readonly exit: Promise<number | null>;
}

/** A service in a process of its own; `start` is the body of its start function. */
async function run(start: string, args: string[] = [], env: Record<string, string> = {}): Promise<Run> {
  const file = join(await temporaryDirectory(), 'main.ts');
  await writeFile(
    file,
    `
import { z } from '${zod}';
import { runService } from '${kit}';
await runService({ name: 'demo', schema: z.strictObject({ who: z.string().default('nobody') }), async start({ config, log, metrics, signal }) { ${start} } });
`,
  );
  const child = spawn(process.execPath, [file, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'] ?? '', ...env },
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let [out, err] = ['', ''];
  const waiting = new Set<() => void>();
  child.stdout.on('data', (text: Buffer) => {
    out += text.toString();
    for (const look of waiting) look();
  });
  child.stderr.on('data', (text: Buffer) => {
    err += text.toString();
  });
  const exit = new Promise<number | null>((resolve) => child.on('close', resolve));
  const said = (words: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        if (out.includes(words)) resolve();
      };
      waiting.add(look);
      look();
      void exit.then(() => reject(new Error(`it ended without ${words}: ${out}${err}`)));
    });
  return { child, out: () => out, err: () => err, said, exit };
}

const quiet = 'return { async [Symbol.asyncDispose]() { log.info("disposed"); } };';
const lines = (text: string): { msg: string; level: string }[] =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { msg: string; level: string });

test('a service starts, drains at SIGTERM, is disposed of and exits 0', async () => {
  const service = await run(
    'log.info({ config }, "hello"); return { async drain(ms) { log.info({ ms, aborted: signal.aborted }, "drained"); }, async [Symbol.asyncDispose]() { log.info({ aborted: signal.aborted }, "disposed"); } };',
    ['--set', 'who=me', '--set', 'drainMs=1234'],
  );
  await service.said('started');
  service.child.kill('SIGTERM');
  expect(await service.exit).toBe(0);
  expect(lines(service.out()).map(({ msg }) => msg)).toEqual(['hello', 'started', 'shutting down', 'drained', 'disposed', 'stopped']);
  expect(service.out()).toContain('"who":"me"');
  expect(service.out()).toMatch(/"ms":1234,"aborted":false,"msg":"drained"/);
  expect(service.out()).toMatch(/"aborted":true,"msg":"disposed"/);
});

test('a second signal ends it at once', async () => {
  const service = await run(
    'return { drain: () => new Promise((resolve) => setTimeout(resolve, 60_000)), async [Symbol.asyncDispose]() {} };',
  );
  await service.said('started');
  service.child.kill('SIGINT');
  await service.said('shutting down');
  service.child.kill('SIGTERM');
  expect(await service.exit).toBe(1);
});

test('a signal while it starts ends the start', async () => {
  const service = await run(
    'log.info("begun"); const keep = setInterval(() => {}, 1000); await new Promise((_, reject) => signal.addEventListener("abort", () => { clearInterval(keep); reject(signal.reason); }));',
  );
  await service.said('begun');
  service.child.kill('SIGTERM');
  expect(await service.exit).toBe(0);
  expect(service.out()).toContain('stopped');
});

test('a wrong configuration is told in words, and exits 2', async () => {
  const service = await run(quiet, ['--set', 'whom=me']);
  expect(await service.exit).toBe(2);
  expect(service.err()).toBe('demo: the configuration is wrong: --set whom is not a known key; did you mean "who"?\n');
});

test('a start that fails is told in one line, and exits 1', async () => {
  const base = import.meta.resolve('@virtmesh/base');
  const service = await run(
    `const { Fault } = await import('${base}'); throw new Fault('RESOURCE_IN_USE', 'the port 1 is taken; choose another', { port: '1' });`,
  );
  expect(await service.exit).toBe(1);
  expect(service.err()).toBe('demo: the port 1 is taken; choose another\n');
  expect(lines(service.out())).toMatchObject([{ level: 'fatal', msg: 'the port 1 is taken; choose another' }]);
});

test('what nobody handles is logged with its stack, and exits 1', async () => {
  const service = await run(`setTimeout(() => { void Promise.reject(new TypeError('nobody caught me')); }, 50); ${quiet}`);
  expect(await service.exit).toBe(1);
  expect(service.out()).toContain('nobody caught me');
  expect(service.out()).toContain('main.ts');
});

test('metrics, liveness and readiness are served while it runs', async () => {
  const service = await run(quiet, [], { VIRTMESH_METRICS: '{port: 0}' });
  await service.said('started');
  const port = /"port":(\d+)/.exec(service.out())?.[1] ?? '';
  const get = async (path: string): Promise<[number, string]> => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    return [response.status, await response.text()];
  };
  expect(await get('/healthz')).toEqual([200, 'ok\n']);
  expect(await get('/readyz')).toEqual([200, 'ok\n']);
  const [status, text] = await get('/metrics');
  expect(status).toBe(200);
  expect(text).toContain('virtmesh_rpc_server_in_flight 0');
  expect(text).toContain('process_cpu_seconds_total');
  service.child.kill('SIGTERM');
  expect(await service.exit).toBe(0);
});

test('a taken metrics port is named', async () => {
  const holder = createServer();
  onTestFinished(() => void holder.close());
  const port = await new Promise<number>((resolve) =>
    holder.listen(0, '127.0.0.1', () => resolve((holder.address() as { port: number }).port)),
  );
  const service = await run(quiet, ['--set', `metrics={port: ${port}}`]);
  expect(await service.exit).toBe(1);
  expect(service.err()).toContain(`http://127.0.0.1:${port} for metrics is taken by another process`);
});

test('systemd is told when it is ready and when it stops', async () => {
  const directory = await temporaryDirectory();
  const log = join(directory, 'calls');
  await writeFile(join(directory, 'systemd-notify'), `#!/bin/sh\necho "$@" >> ${log}\n`, { mode: 0o755 });
  const service = await run(quiet, [], { NOTIFY_SOCKET: '/run/none', PATH: `${directory}:${process.env['PATH'] ?? ''}` });
  await service.said('started');
  await sleep(300);
  service.child.kill('SIGTERM');
  expect(await service.exit).toBe(0);
  expect((await readFile(log, 'utf8')).split('\n')[0]).toBe('--ready');
});
