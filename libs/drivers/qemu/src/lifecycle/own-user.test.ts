import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

describe('an agent that is not root', () => {
  it('runs guests as itself', async () => {
    const script = fileURLToPath(new URL('../testing/own-user-guest.ts', import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, [script], {
      ...(process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}),
      cwd: '/',
      env: { PATH: process.env['PATH'] },
    });
    expect(JSON.parse(stdout)).toEqual({ own: true, root: false, state: 'running', left: 0, disk: true, console: true });
  });
});
