import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createHost } from './index.ts';

it('a FIFO is read while writers come and go, in the order in which they wrote', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'vmf-'));
  const path = join(directory, 'fifo');
  const { sockets } = await createHost();
  try {
    await using fifo = await sockets.fifo(path);
    let text = '';
    fifo.incoming.on('data', (bytes: Buffer) => (text += bytes.toString()));
    execFileSync('/bin/sh', ['-c', 'printf one > "$1"; printf two > "$1"', 'sh', path]);
    fifo.write(Buffer.from('three'));
    await expect.poll(() => text).toBe('onetwothree');
    // One that is there already is taken.
    await using again = await sockets.fifo(path);
    expect(again.incoming.destroyed).toBe(false);
    writeFileSync(join(directory, 'file'), '');
    await expect(sockets.fifo(join(directory, 'file'))).rejects.toMatchObject({ code: 'EEXIST' });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
