import { Fault } from '@virtmesh/base';
import { expect } from 'vitest';
import { type AgentBench, type Kept, soon } from '../agent-bench.ts';
import type { Subject } from '../subject.ts';
import { suite } from '../suite.ts';

/** Text consoles: what is typed into a rich guest's first one comes back. Only digits are typed, which mean nothing to any guest. */
export const consoleCases = (subject: Subject): void =>
  suite(subject, 'console', ({ feature }) => {
    feature('console', 'what is typed comes back, and a later reader gets it from the log', 'rich', async (kept, bench) => {
      await bench.start(kept);
      await type(bench, kept, '123');
      await heard(bench, kept, '123');
      const again = await readAll(bench, kept, { replayBytes: -1, follow: false });
      expect(again).toContain('123');
      const last = await readAll(bench, kept, { replayBytes: 2, follow: false });
      expect(last).toBe(again.slice(-2));
      expect(await readAll(bench, kept, { replayBytes: 0, follow: false })).toBe('');
    });

    feature('console', 'one reader after another and one beside another read the same', 'rich', async (kept, bench) => {
      await bench.start(kept);
      const beside = [heard(bench, kept, '456'), heard(bench, kept, '456')];
      await type(bench, kept, '456');
      const [first, second] = await Promise.all(beside);
      expect(first?.slice(0, 3)).toBe(second?.slice(0, 3));
    });

    feature('console', 'a reader that follows comes to its end with the guest, and the log stays', 'rich', async (kept, bench) => {
      await bench.start(kept);
      await type(bench, kept, '5');
      await heard(bench, kept, '5');
      const following = readAll(bench, kept, { replayBytes: -1, follow: true });
      await bench.destroy(kept);
      expect(await following).toContain('5');
      await bench.driver.lifecycle.release(kept.guest, kept.record ?? {});
      await bench.renew();
      expect(await readAll(bench, kept, { replayBytes: -1, follow: false })).toContain('5');
      await bench.driver.lifecycle.forget(kept.guest);
      expect(await readAll(bench, kept, { replayBytes: -1, follow: false })).toBe('');
    });

    feature('console', 'what a guest writes while no agent runs is there for the next', 'rich', async (kept, bench) => {
      await bench.start(kept);
      await type(bench, kept, '789');
      await bench.renew();
      await bench.adopt(kept);
      await heard(bench, kept, '789');
      await type(bench, kept, '321');
      expect(await heard(bench, kept, '321')).toContain('789');
    });

    feature('console', 'a reader ends with its signal', 'rich', async (kept, bench) => {
      await bench.start(kept);
      const abort = new AbortController();
      const reading = readAll(bench, kept, { replayBytes: 0, follow: true }, abort.signal).catch(() => 'aborted');
      abort.abort();
      expect(['', 'aborted']).toContain(await reading);
    });

    feature('console', 'there is no input without a guest, or to a console that it has not', 'rich', async (kept, bench) => {
      const { input } = { input: (device: string) => bench.feature('console').input(kept.guest, device, soon()) };
      await expect(input(deviceOf(bench, kept))).rejects.toMatchObject({ reason: 'STATE_INVALID' });
      await bench.start(kept);
      const refused = await input('nowhere').then(
        () => undefined,
        (thrown: unknown) => Fault.from(thrown),
      );
      expect(refused).toMatchObject({ reason: 'DEVICE_NOT_FOUND', metadata: { device: 'nowhere' } });
      expect(refused?.violations.map(({ field }) => field)).toEqual(['open.device']);
      expect(refused?.message).toContain(`it has ${deviceOf(bench, kept)}`);
    });
  });

function deviceOf(bench: AgentBench, kept: Kept): string {
  const [device] = bench.feature('console').devices(kept.active);
  if (device === undefined) throw new Error('a rich guest has no console');
  return device;
}

async function type(bench: AgentBench, kept: Kept, text: string): Promise<void> {
  // A guest that boots does not listen yet.
  await heard(bench, kept, '');
  await using input = await bench.feature('console').input(kept.guest, deviceOf(bench, kept), soon());
  await input.write(Buffer.from(text));
}

/** All that was read until it holds a text, and at least something. */
async function heard(bench: AgentBench, kept: Kept, text: string): Promise<string> {
  let all = '';
  const device = deviceOf(bench, kept);
  for await (const bytes of bench.feature('console').output(kept.guest, device, { replayBytes: -1, follow: true }, soon())) {
    all += Buffer.from(bytes).toString('latin1');
    if (all !== '' && all.includes(text)) return all;
  }
  throw new Error(`the guest ended after saying ${JSON.stringify(all)}`);
}

async function readAll(
  bench: AgentBench,
  kept: Kept,
  options: { readonly replayBytes: number; readonly follow: boolean },
  signal = soon(),
): Promise<string> {
  let all = '';
  for await (const bytes of bench.feature('console').output(kept.guest, deviceOf(bench, kept), options, signal))
    all += Buffer.from(bytes).toString('latin1');
  return all;
}
