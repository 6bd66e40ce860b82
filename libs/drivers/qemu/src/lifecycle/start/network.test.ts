import { execFile, execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tapName } from './network.ts';

describe('a guest on a bridge', () => {
  const namespace = `vmq${process.pid}`;
  beforeAll(() => void execFileSync('ip', ['netns', 'add', namespace]));
  afterAll(() => void execFileSync('ip', ['netns', 'delete', namespace]));

  it('has a tap of its own in it, owned by its user, for as long as it runs', async () => {
    const script = fileURLToPath(new URL('../../testing/bridged-guest.ts', import.meta.url));
    const { stdout } = await promisify(execFile)('ip', ['netns', 'exec', namespace, process.execPath, script]);
    const seen: unknown = JSON.parse(stdout);
    expect(seen).toMatchObject({
      refusals: ['HOST_INCOMPATIBLE', 'lo', 'HOST_INCOMPATIBLE', 'none0'],
      during: { master: 'br0', ownedByGuest: true, mtu: 1400, alias: true, up: true, carrier: '1' },
      interfaces: [{ id: 'net0', hostDevice: expect.stringMatching(/^vm[0-9a-f]{12}$/) }],
      gone: true,
      remade: true,
      // A namespace made by ip hides the control groups: guests run without them.
    });
  });

  it('can have it while it runs, and is seen by the host there', async () => {
    const script = fileURLToPath(new URL('../../testing/bridged-hotplug.ts', import.meta.url));
    const { stdout } = await promisify(execFile)('ip', ['netns', 'exec', namespace, process.execPath, script]);
    expect(JSON.parse(stdout)).toEqual({
      refusal: expect.stringContaining('no bridge none0'),
      during: { master: 'br1', ownedByGuest: true, carrier: '1' },
      pinged: true,
      neighbours: [{ interface: 'net0', addresses: expect.arrayContaining(['10.99.1.2']) }],
      gone: true,
      kept: [],
    });
  }, 150_000);

  it("has a name within the kernel's bounds, that is its alone", () => {
    const names = ['a', 'b'].flatMap((uid) => ['net0', 'net1', 'x'.repeat(32)].map((id) => tapName(uid, id)));
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(name).toMatch(/^[a-z0-9]{1,15}$/);
  });
});
