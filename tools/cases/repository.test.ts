import { expect, test } from 'vitest';
import { tryCommand } from '../process/run-command.ts';

/** The command runs the tests that have cases, with each rule under control. */
const timeoutMs = 300_000;

test(
  'every rule of input and every reason of errors has a case',
  async () => {
    const { exitCode, stdout, stderr } = await tryCommand([process.execPath, 'tools/cases/main.ts'], {
      env: { ...process.env, NO_COLOR: '1' },
    });
    expect(exitCode, `${stdout.slice(-4000)}${stderr.slice(-2000)}`).toBe(0);
  },
  timeoutMs,
);
