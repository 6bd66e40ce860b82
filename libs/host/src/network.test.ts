import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { watch } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** How long the network takes to do what it is asked for. */
const slownessMs = 400;

describe('what an agent asks of the network', () => {
  let directory: string;
  beforeAll(() => (directory = mkdtempSync(join(tmpdir(), 'vmn-'))));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  /** An agent's process that makes a tap with an `ip` that is slow, and what that was told. */
  async function beginTap(): Promise<{ readonly kill: () => Promise<void>; readonly asked: string; readonly done: string }> {
    const [asked, done] = [join(directory, 'asked'), join(directory, 'done')];
    const script = `#!/bin/sh\ncat > ${asked}.part && mv ${asked}.part ${asked}; sleep ${slownessMs / 1000}; mv ${asked} ${done}\n`;
    writeFileSync(join(directory, 'ip'), script, { mode: 0o755 });
    const tap = { name: 'vmtest0', uid: 700_001, bridge: 'br0', mtuBytes: 0, alias: 'virtmesh:test' };
    const program = `import { createHost } from ${JSON.stringify(new URL('index.ts', import.meta.url))};
      await (await createHost()).network.addTaps([${JSON.stringify(tap)}], AbortSignal.timeout(10_000));`;
    const seen = new AbortController();
    const isAsked = (async () => {
      for await (const { filename } of watch(directory, { signal: seen.signal })) if (filename === 'asked') return;
    })();
    const agent = spawn(process.execPath, ['--input-type=module', '--eval', program], {
      env: { ...process.env, PATH: `${directory}:${process.env['PATH']}` },
      stdio: 'inherit',
    });
    const exit = once(agent, 'exit');
    await Promise.race([isAsked, exit.then(() => Promise.reject(new Error('the agent ended by itself')))]).finally(() => seen.abort());
    return {
      kill: async () => {
        agent.kill('SIGKILL');
        await exit;
      },
      asked: readFileSync(asked, 'utf8'),
      done,
    };
  }

  it('is not done when the agent was killed: the next one would not look for it', async () => {
    const { asked, done, kill } = await beginTap();
    expect(asked).toBe('tuntap add dev vmtest0 mode tap user 700001\nlink set dev vmtest0 alias virtmesh:test master br0 up\n');
    await kill();
    await delay(2 * slownessMs);
    expect(existsSync(done)).toBe(false);
  });
});
