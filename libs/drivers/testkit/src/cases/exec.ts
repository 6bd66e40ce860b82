import type { ExecEnd, ExecOrder, ExecSession } from '@virtmesh/driver-spi';
import { expect } from 'vitest';
import { type AgentBench, type Kept, soon } from '../agent-bench.ts';
import type { Suite } from '../suite.ts';

const ctrlC = 3;

/** Commands in a guest. */
export function execCases({ asked }: Suite): void {
  const exec = (name: string, run: (bench: AgentBench, kept: Kept) => Promise<void>): void =>
    asked('exec', name, (kept, bench) => run(bench, kept));

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

  exec('a command reads its input to the end, where it can be given any', async (bench, kept) => {
    await using session = await open(bench, kept, { command: ['cat'] });
    const ended = collect(session);
    const refused = await session.write(Buffer.from('hello ')).catch((thrown: unknown) => thrown);
    if (refused === undefined) await session.write(Buffer.from('world'));
    else
      expect(refused).toMatchObject({
        reason: 'FEATURE_UNSUPPORTED',
        metadata: { driver: bench.driver.type, feature: 'exec', why: expect.any(String) },
      });
    session.endInput();
    expect(await ended).toMatchObject({ output: refused === undefined ? 'hello world' : '', exitCode: 0 });
  });

  exec('its environment is the one that was asked for', async (bench, kept) => {
    const { output } = await run(bench, kept, { command: ['env'], environment: { GREETING: 'a=b c' } });
    expect(output.split('\n')).toContain('GREETING=a=b c');
  });

  exec('it begins in the directory that was asked for, where that can be chosen', async (bench, kept) => {
    const ended = await run(bench, kept, { command: ['pwd'], workingDirectory: '/tmp' }).catch((thrown: unknown) => thrown);
    if (ended instanceof Error)
      expect(ended).toMatchObject({ reason: 'REQUEST_INVALID', violations: [{ field: 'open.working_directory' }] });
    else expect(ended).toMatchObject({ output: '/tmp\n' });
  });

  exec('a program that is not there is refused by its field', async (bench, kept) => {
    const opening = open(bench, kept, { command: ['/no/such/program'] });
    await expect(opening).rejects.toMatchObject({ reason: 'REQUEST_INVALID', violations: [{ field: 'open.command' }] });
  });

  exec('a command with a terminal has one, of the size that it was given and gets later, where it can have one', async (bench, kept) => {
    const script = ['tty', 'stty size', ...Array.from({ length: 100 }, () => 'read line; stty size')].join('; ');
    const opened = await open(bench, kept, { command: ['sh', '-c', script], terminal: { rows: 24, columns: 80 } }).catch(
      (thrown: unknown) => thrown,
    );
    if (opened instanceof Error)
      return expect(opened).toMatchObject({ reason: 'REQUEST_INVALID', violations: [{ field: 'open.terminal' }] });
    await using session = opened as ExecSession;
    const shown = follow(session);
    await expect.poll(() => shown.text).toMatch(/^\/dev\/\S+\r\n24 80\r\n/);
    await session.resize({ rows: 50, columns: 132 });
    // How soon the guest hears of it is the guest's affair.
    const enter = async (): Promise<string> => {
      await session.write(Buffer.from('\n'));
      return shown.text;
    };
    await expect.poll(enter, { interval: 200 }).toMatch(/\r\n50 132\r\n/);
    await session.write(Uint8Array.of(ctrlC));
    expect(await session.ended).toEqual({ exitCode: 130, signal: 2 });
  });

  exec('a command without a terminal has none whose size could change', async (bench, kept) => {
    await using session = await open(bench, kept, { command: ['cat'] });
    await expect(session.resize({ rows: 50, columns: 132 })).rejects.toMatchObject({ reason: 'FEATURE_UNSUPPORTED' });
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
}

const open = (bench: AgentBench, kept: Kept, order: Pick<ExecOrder, 'command'> & Partial<ExecOrder>): Promise<ExecSession> =>
  bench.feature('exec').exec(kept.guest, { environment: {}, workingDirectory: '/', uid: 0, gid: 0, ...order }, soon());

type Ended = ExecEnd & { readonly output: string; readonly error: string };

/** What a command has shown so far. */
function follow({ output }: ExecSession): { readonly text: string } {
  const shown = { text: '' };
  void (async () => {
    for await (const { bytes } of output) shown.text += Buffer.from(bytes).toString('utf8');
  })().catch(() => {});
  return shown;
}

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
