import { AddressSource } from '@virtmesh/contracts/domain/v1/guest';
import type { ExecEnd, ExecOrder, ExecSession } from '@virtmesh/driver-spi';
import { expect, type TestContext } from 'vitest';
import { type AgentBench, type Kept, soon } from '../agent-life.ts';
import type { Subject } from '../subject.ts';
import { suite } from '../suite.ts';

/** What guests are asked, and what is done in them. */
export const guestCases = (subject: Subject): void =>
  suite(subject, 'inside the guest', ({ feature }) => {
    feature('screenshot', 'a picture of a display is a PNG', 'rich', async (kept, bench) => {
      await bench.start(kept);
      const [display] = bench.feature('screenshot').displays(kept.active);
      if (display === undefined) throw new Error('a rich guest has no display');
      const { data, mimeType } = await bench.feature('screenshot').screenshot(kept.guest, display, soon());
      expect(mimeType).toBe('image/png');
      const bytes = Buffer.from(data);
      expect(bytes.subarray(0, 8).toString('hex')).toBe('89504e470d0a1a0a');
      expect(bytes.readUInt32BE(16)).toBeGreaterThan(0);
      expect(bytes.subarray(-8, -4).toString('latin1')).toBe('IEND');
    });

    feature('sendKeys', 'keys that it knows are pressed', 'rich', async (kept, bench) => {
      const keyboard = bench.feature('sendKeys');
      for (const key of keyboard.keys) expect(key).toMatch(/^KEY_[A-Z0-9_]+$/);
      expect([...keyboard.keys]).toEqual(expect.arrayContaining(['KEY_A', 'KEY_ENTER', 'KEY_LEFTCTRL']));
      await expect(keyboard.sendKeys(kept.guest, ['KEY_A'], 1, soon())).rejects.toMatchObject({ reason: 'STATE_INVALID' });
      await bench.start(kept);
      await keyboard.sendKeys(kept.guest, ['KEY_LEFTSHIFT', 'KEY_A'], 1, soon());
      await keyboard.sendKeys(kept.guest, ['KEY_ENTER'], 1, soon());
    });

    feature('addresses', 'each address belongs to an interface of the definition, or to none', 'rich', async (kept, bench, { skip }) => {
      if (!bench.host.answersAgent) return skip('rich guests of the subject cannot be asked');
      await bench.ready(kept);
      const found = await bench.feature('addresses').addresses(kept.guest, kept.active, AddressSource.GUEST, soon());
      const known = new Set(['', ...kept.active.interfaces.map(({ id }) => id)]);
      expect(found.filter((each) => !known.has(each.interface))).toEqual([]);
      expect(found.flatMap(({ addresses }) => addresses).length).toBeGreaterThan(0);
    });

    feature('guestInfo', 'it says what it is', 'rich', async (kept, bench, { skip }) => {
      if (!bench.host.answersAgent) return skip('rich guests of the subject cannot be asked');
      await bench.ready(kept);
      const info = await bench.feature('guestInfo').guestInfo(kept.guest, kept.active, soon());
      expect(info.hostname).not.toBe('');
      expect(info.os?.kernelRelease).not.toBe('');
    });

    feature('freeze', 'its file systems are frozen and thawed, as many as there are', 'rich', async (kept, bench, { skip }) => {
      if (!bench.host.answersAgent) return skip('rich guests of the subject cannot be asked');
      await bench.ready(kept);
      const still = bench.feature('freeze');
      const frozen = await still.freeze(kept.guest, [], soon());
      await bench.renew();
      await bench.adopt(kept);
      expect(await bench.feature('freeze').thaw(kept.guest, [], soon())).toBe(frozen);
      expect(await bench.feature('freeze').thaw(kept.guest, [], soon())).toBe(0);
    });

    feature('guestInfo', 'a guest that does not run cannot be asked', 'rich', async (kept, bench) => {
      await expect(bench.feature('guestInfo').guestInfo(kept.guest, kept.spec, soon())).rejects.toMatchObject({ reason: 'STATE_INVALID' });
    });

    const exec = (name: string, run: (bench: AgentBench, kept: Kept, context: TestContext) => Promise<void>): void =>
      feature('exec', name, 'rich', async (kept, bench, context) => {
        if (!bench.host.answersAgent) return context.skip('rich guests of the subject cannot be asked');
        await bench.ready(kept);
        await run(bench, kept, context);
      });

    exec('a command writes to both of its streams and ends with its code', async (bench, kept) => {
      const ended = await run(bench, kept, { command: ['sh', '-c', 'echo out; echo err >&2; exit 3'] });
      expect(ended).toEqual({ output: 'out\n', error: 'err\n', exitCode: 3, signal: 0 });
    });

    exec('arguments come as they are', async (bench, kept) => {
      expect(await run(bench, kept, { command: ['echo', 'a b', '; exit 9', '$HOME'] })).toMatchObject({
        output: 'a b ; exit 9 $HOME\n',
        exitCode: 0,
      });
    });

    exec('a command reads its input to the end', async (bench, kept) => {
      await using session = await open(bench, kept, { command: ['cat'] });
      const ended = collect(session);
      await session.write(Buffer.from('hello '));
      await session.write(Buffer.from('world'));
      session.endInput();
      expect(await ended).toMatchObject({ output: 'hello world', exitCode: 0 });
    });

    exec('environment and directory are those that were asked for', async (bench, kept) => {
      const { output } = await run(bench, kept, { command: ['env'], environment: { GREETING: 'a=b c' } });
      expect(output.split('\n')).toContain('GREETING=a=b c');
      expect((await run(bench, kept, { command: ['pwd'], workingDirectory: '/tmp' })).output).toBe('/tmp\n');
    });

    exec('a program that is not there is refused by its field', async (bench, kept) => {
      const opening = open(bench, kept, { command: ['/no/such/program'] });
      await expect(opening).rejects.toMatchObject({ reason: 'REQUEST_INVALID', violations: [{ field: 'open.command' }] });
    });

    exec('a command is ended by disposing of it, and others go on', async (bench, kept) => {
      const other = await open(bench, kept, { command: ['cat'] });
      {
        await using _session = await open(bench, kept, { command: ['sleep', '1000'] });
      }
      const ended = collect(other);
      other.endInput();
      expect(await ended).toMatchObject({ exitCode: 0 });
      await other[Symbol.asyncDispose]();
    });
  });

const open = (bench: AgentBench, kept: Kept, order: Pick<ExecOrder, 'command'> & Partial<ExecOrder>): Promise<ExecSession> =>
  bench.feature('exec').exec(kept.guest, { environment: {}, workingDirectory: '/', uid: 0, gid: 0, ...order }, soon());

type Ended = ExecEnd & { readonly output: string; readonly error: string };

async function collect(session: ExecSession): Promise<Ended> {
  const text = { output: '', error: '' };
  for await (const { bytes, stream } of session.output) text[stream] += Buffer.from(bytes).toString('utf8');
  return { ...text, ...(await session.ended) };
}

async function run(bench: AgentBench, kept: Kept, order: Pick<ExecOrder, 'command'> & Partial<ExecOrder>): Promise<Ended> {
  await using session = await open(bench, kept, order);
  session.endInput();
  return await collect(session);
}
