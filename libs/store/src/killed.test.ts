import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { systemClock } from '@virtmesh/base';
import { expect, it } from 'vitest';
import { Store } from './store.ts';
import { temporaryDirectory } from './testing/temporary-directory.ts';

const writer = fileURLToPath(new URL('testing/writer.ts', import.meta.url));

it('a store loses nothing that was committed when the process is killed', async () => {
  using directory = temporaryDirectory();
  const path = directory.file('agent.db');
  for (let round = 0, expected = 0; round < 4; round += 1) {
    const child = spawn(process.execPath, [writer, path], { stdio: ['ignore', 'pipe', 'inherit'] });
    let last = 0;
    for await (const line of createInterface({ input: child.stdout })) {
      last = Number(line);
      if (last >= expected + 300 + round) child.kill('SIGKILL');
    }
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    expect(child.signalCode).toBe('SIGKILL');
    using store = Store.open({ path, clock: systemClock });
    expect(store.journal.last()).toBeGreaterThanOrEqual(last);
    // All or nothing of each transaction.
    expect(Number(store.domains.get('u1')?.revision)).toBe(store.journal.last());
    expect(store.runtimes.get('u1')).toEqual({ number: store.journal.last() });
    expected = store.journal.last();
  }
});
