import { runInMachine } from '@virtmesh/tools/host-machine';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const repository = join(import.meta.dirname, '../..');
const program = join(repository, 'libs/drivers/lxc/src/testing/unified-run.ts');
/** What Node has compiled before it need not compile there. */
const cache = `NODE_COMPILE_CACHE=${join(repository, '.cache/node')}`;
/** Node under TCG takes its time, the more so on a busy host. */
const longestMs = 600_000;

it(
  'containers have the same limits, devices, states and statistics where control groups are of version 2 alone',
  async () => {
    const { output, exitCode } = await runInMachine(
      ['/usr/bin/env', cache, process.execPath, '--disable-warning=ExperimentalWarning', program],
      AbortSignal.timeout(longestMs - 10_000),
    );
    const facts = /^FACTS (.*)$/m.exec(output)?.[1];
    expect({ exitCode, output: facts ? '' : output.slice(-4000) }).toEqual({ exitCode: 0, output: '' });
    expect(JSON.parse(facts ?? '')).toEqual({
      // The freezer is a part of every group there.
      versions: [2, 2, 2, null],
      limits: [String(64 << 20), '50000 100000', '20', '0', '50'],
      devices: 'given',
      states: ['paused, populated 1 frozen 1', 'running, populated 1 frozen 0'],
      stats: [true, true, true, ''],
      larger: [String(128 << 20), '100000 100000', '79', '0-1', '50'],
      hotplug: ['opened', ''],
      adopted: 'paused',
      events: ['exited'],
      left: [],
    });
  },
  longestMs,
);
