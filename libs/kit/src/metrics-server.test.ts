import { expect, onTestFinished, test } from 'vitest';
import { createMetrics, MetricsServer } from './index.ts';
import { failure } from './testing/fixture.ts';

async function serve(options: Partial<Parameters<typeof MetricsServer.start>[0]> = {}): Promise<MetricsServer> {
  const server = await MetricsServer.start({
    host: '127.0.0.1',
    port: 0,
    metrics: createMetrics({ process: false }),
    ready: () => true,
    ...options,
  });
  onTestFinished(() => server[Symbol.asyncDispose]());
  return server;
}

test("readiness is the service's own word", async () => {
  let ready = false;
  const { port } = await serve({ ready: () => ready });
  const status = async (path: string, init?: RequestInit): Promise<number> => (await fetch(`http://127.0.0.1:${port}${path}`, init)).status;
  expect(await status('/readyz')).toBe(503);
  expect(await status('/healthz')).toBe(200);
  ready = true;
  expect(await status('/readyz?verbose')).toBe(200);
  expect(await status('/nothing')).toBe(404);
  expect(await status('/metrics', { method: 'POST' })).toBe(405);
  expect((await fetch(`http://127.0.0.1:${port}/metrics`)).headers.get('content-type')).toContain('text/plain; version=0.0.4');
});

test('addresses that cannot be had are refused in words', async () => {
  const { port } = await serve();
  expect(await failure(serve({ port }))).toMatchObject({ reason: 'RESOURCE_IN_USE' });
  expect(await failure(serve({ host: '192.0.2.1' }))).toMatchObject({ reason: 'HOST_INCOMPATIBLE' });
});
