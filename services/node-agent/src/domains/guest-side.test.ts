import { DomainState } from '@virtmesh/contracts/domain/v1/domain';
import { LifecycleEventDetail } from '@virtmesh/contracts/domain/v1/domain_event';
import { ExecDomainRequest, type ExecDomainResponse, FilesystemsResult } from '@virtmesh/contracts/domain/v1/guest';
import { type Operation, OperationState } from '@virtmesh/contracts/operation/v1/operation';
import { describe, expect, it } from 'vitest';
import { agentLives } from '../testing/agent-lives.ts';
import { atOnce, ended, faultOf, never } from '../testing/operation-ends.ts';
import { domainIn, type TestAgent, testCall } from '../testing/test-agent.ts';
import { Gate, plainSpec, type Verbs, verbsOf } from '../testing/verbs.ts';

let agent: TestAgent;
let verbs: Verbs;
const { kill } = agentLives((life, of) => {
  [agent, verbs] = [life, of];
});

const entry = (id = 'web') => agent.registry.find(`nodes/n1/domains/${id}`);
const make = async (over: object = {}): Promise<string> => domainIn(await verbs.create('web', { start: true, ...over })).uid;
const called = (uid: string): string[] =>
  agent.world.calls.filter((call) => call.endsWith(uid)).map((call) => call.slice(0, -uid.length - 1));

describe('a domain that is renamed', () => {
  it.each([true, false])('keeps all but its name (it runs: %s)', async (start) => {
    const uid = await make({ start });
    const { etag } = entry().domain;
    const renamed = domainIn(await verbs.rename('web', 'shop'));
    expect(renamed).toMatchObject({ name: 'nodes/n1/domains/shop', uid });
    expect(renamed.etag).not.toBe(etag);
    expect(() => entry()).toThrow('there is no domain');
    expect(agent.events().at(-1)).toMatchObject({
      name: 'nodes/n1/domains/shop',
      full: true,
      kind: { $case: 'lifecycle', value: { detail: LifecycleEventDetail.RENAMED } },
    });
    domainIn(await verbs.create('web'));
    await kill();
    expect([entry('shop').guest.uid, entry('web').guest.uid === uid]).toEqual([uid, false]);
    expect((await verbs.destroy('shop')).target).toBe('nodes/n1/domains/shop');
    expect((await verbs.delete('shop')).state).toBe(OperationState.SUCCEEDED);
  });

  it('does not take a name that another has, nor while its state is saved', async () => {
    await make();
    await verbs.create('shop');
    await expect(verbs.rename('web', 'shop')).rejects.toMatchObject({ reason: 'DOMAIN_EXISTS' });
    const events = agent.events().length;
    expect(domainIn(await verbs.rename('web', 'web')).name).toBe('nodes/n1/domains/web');
    expect(agent.events()).toHaveLength(events);
    await expect(verbs.rename('web', 'x', { etag: '"0"' })).rejects.toMatchObject({ reason: 'ETAG_MISMATCH' });
    const gate = new Gate();
    agent.world.hooks.set('save', gate.wait);
    const saving = await verbs.save('web', atOnce);
    await gate.reached;
    await expect(verbs.rename('web', 'x')).rejects.toMatchObject({ reason: 'JOB_CONFLICT' });
    gate.open();
    await ended(agent, saving);
  });

  it('while another takes the same name is refused in its turn', async () => {
    await make();
    const gate = new Gate();
    agent.world.hooks.set('suspend', gate.wait);
    const suspended = verbs.suspend('web');
    await gate.reached;
    const renamed = verbs.rename('web', 'shop');
    await verbs.create('shop');
    gate.open();
    expect(faultOf(await renamed).reason).toBe('DOMAIN_EXISTS');
    expect((await suspended).target).toBe('nodes/n1/domains/web');
  });
});

describe('a disk that is resized', () => {
  it('is one of the running guest', async () => {
    const uid = await make({ spec: plainSpec({ disks: [{ id: 'disk0' }] }) });
    expect((await verbs.resizeDisk('web', 'disk0', 1024n)).state).toBe(OperationState.SUCCEEDED);
    expect(called(uid)).toContain('resize:disk0:1024');
    await expect(verbs.resizeDisk('web', 'disk1', 1024n)).rejects.toMatchObject({
      reason: 'DEVICE_NOT_FOUND',
      metadata: { devices: 'disk0' },
    });
    await verbs.destroy('web');
    await expect(verbs.resizeDisk('web', 'disk0', 1024n)).rejects.toMatchObject({ reason: 'STATE_INVALID' });
  });

  it('has its size after a kill too', async () => {
    const uid = await make({ spec: plainSpec({ disks: [{ id: 'disk0' }] }) });
    agent.world.hooks.set('resize', never);
    const cut = await verbs.resizeDisk('web', 'disk0', 1024n, atOnce);
    await kill();
    expect((await ended(agent, cut)).state).toBe(OperationState.SUCCEEDED);
    expect(called(uid).filter((call) => call === 'resize:disk0:1024')).toHaveLength(2);
  });
});

describe('file systems', () => {
  const countIn = (operation: Operation): number => {
    if (operation.result?.$case !== 'response') throw faultOf(operation);
    return FilesystemsResult.decode(operation.result.value.value).count;
  };

  it('are frozen and thawed, all or those that are named', async () => {
    await make();
    expect(countIn(await verbs.freeze('web'))).toBe(3);
    expect(countIn(await verbs.thaw('web', { mountPoints: ['/', '/srv'] }))).toBe(2);
    await verbs.suspend('web');
    await expect(verbs.freeze('web')).rejects.toMatchObject({ reason: 'STATE_INVALID', metadata: { allowed: 'RUNNING' } });
  });

  it('that a kill finds half frozen are left to the caller, and those half thawed are thawed', async () => {
    const uid = await make();
    agent.world.hooks.set('freeze', never);
    const freezing = await verbs.freeze('web', atOnce);
    await kill();
    expect(faultOf(await ended(agent, freezing))).toMatchObject({
      reason: 'OPERATION_PREEMPTED',
      message: expect.stringContaining('thaw them') as string,
    });
    agent.world.hooks.set('thaw', never);
    const thawing = await verbs.thaw('web', atOnce);
    await kill();
    expect(countIn(await ended(agent, thawing))).toBe(3);
    expect(called(uid).filter((call) => call === 'thaw')).toHaveLength(2);
  });
});

describe('a guest', () => {
  it('shows its display in parts', async () => {
    await make({ spec: plainSpec({ videos: [{ id: 'video0' }, { id: 'video1' }] }) });
    const parts = await Array.fromAsync(verbs.screenshot('web', 'video1'));
    expect(parts.map(({ data, mimeType }) => [mimeType, data.length])).toEqual([
      ['image/png', 262_144],
      ['', 37_856],
    ]);
    await Array.fromAsync(verbs.screenshot('web'));
    expect(agent.world.calls.filter((call) => call.startsWith('screenshot')).map((call) => call.split(':')[1])).toEqual([
      'video1',
      'video0',
    ]);
    await expect(verbs.screenshot('web', 'x').next()).rejects.toMatchObject({
      reason: 'DEVICE_NOT_FOUND',
      metadata: { devices: 'video0, video1' },
    });
    await verbs.destroy('web');
    await expect(verbs.screenshot('web').next()).rejects.toMatchObject({ reason: 'STATE_INVALID' });
  });

  it('has keys pressed, and says where it is and who', async () => {
    const uid = await make();
    await verbs.sendKeys('web', { keys: ['KEY_LEFTCTRL', 'KEY_A'], holdTime: { seconds: 1n } });
    expect(called(uid)).toContain('keys:KEY_LEFTCTRL+KEY_A:1000');
    expect(await verbs.addresses('web', { source: 2 })).toMatchObject({ interfaces: [{ name: 'eth0', addresses: ['192.0.2.2/24'] }] });
    expect(await verbs.guestInfo('web')).toMatchObject({ hostname: 'scripted' });
  });

  it('that does not answer is waited for as long as the call lasts', async () => {
    await make();
    agent.world.hooks.set('guest-info', never);
    agent.world.hooks.set('addresses', never);
    const hurried = verbsOf(agent, testCall({ signal: AbortSignal.timeout(50) }));
    await expect(hurried.guestInfo('web')).rejects.toMatchObject({ reason: 'DEADLINE_EXCEEDED' });
    await expect(hurried.addresses('web')).rejects.toMatchObject({ reason: 'DEADLINE_EXCEEDED' });
    expect(entry().domain.status?.state).toBe(DomainState.RUNNING);
  });
});

type Item = NonNullable<Parameters<typeof ExecDomainRequest.fromPartial>[0]['item']>;

describe('a command in a guest', () => {
  const open = (over: object = {}): Item => ({
    $case: 'open',
    value: { name: 'nodes/n1/domains/web', command: ['/bin/cat', '-u'], ...over },
  });
  const input = (text: string): Item => ({ $case: 'input', value: Buffer.from(text) });
  const inputEnd: Item = { $case: 'inputEnd', value: {} };

  /** A client that sends these items, and then says nothing until it is told to leave. */
  async function* client(items: readonly Item[], leave = Promise.resolve()): AsyncGenerator<ExecDomainRequest> {
    for (const item of items) yield await Promise.resolve(ExecDomainRequest.fromPartial({ item }));
    await leave;
  }
  const said = ({ item }: ExecDomainResponse): unknown =>
    item?.$case === 'output' || item?.$case === 'errorOutput' ? [item.$case, item.value.toString()] : [item?.$case, item?.value];
  const run = async (...items: Item[]): Promise<unknown[]> => (await Array.fromAsync(verbs.exec(client(items, never())))).map(said);

  it('has input, output and an end', async () => {
    const uid = await make();
    expect(await run(open(), input('a'), input('b'), inputEnd)).toEqual([
      ['started', { name: 'nodes/n1/domains/web', pid: 42n }],
      ['output', 'a'],
      ['output', 'b'],
      ['ended', { exitCode: 0, signal: 0 }],
    ]);
    expect(called(uid)).toEqual(expect.arrayContaining(['exec:/bin/cat -u', 'exec-dispose']));
  });

  it('begins with the input that came with it', async () => {
    await make();
    expect((await run(open({ input: Buffer.from('first') }), input('a'), inputEnd)).slice(1, 3)).toEqual([
      ['output', 'first'],
      ['output', 'a'],
    ]);
    expect((await run(open({ input: Buffer.from('fail') }))).at(-1)).toEqual(['ended', { exitCode: 3, signal: 0 }]);
  });

  it('fails, is signalled, has a terminal that is resized', async () => {
    const uid = await make();
    expect((await run(open(), input('fail'))).slice(1)).toEqual([
      ['errorOutput', 'fail'],
      ['ended', { exitCode: 3, signal: 0 }],
    ]);
    expect((await run(open(), { $case: 'signal', value: 15 })).at(-1)).toEqual(['ended', { exitCode: 143, signal: 15 }]);
    await run(open({ terminal: { rows: 24, columns: 80 } }), { $case: 'resize', value: { rows: 50, columns: 100 } }, inputEnd);
    expect(called(uid)).toContain('exec-resize:50x100');
  });

  it('ends its input with the client that says no more', async () => {
    await make();
    const answers = await Array.fromAsync(verbs.exec(client([open(), input('a')])));
    expect(answers.map(said).at(-1)).toEqual(['ended', { exitCode: 0, signal: 0 }]);
  });

  it('reads no more than its reader takes', async () => {
    await make();
    let sent = 0;
    async function* eager(): AsyncGenerator<ExecDomainRequest> {
      yield await Promise.resolve(ExecDomainRequest.fromPartial({ item: open() }));
      for (;;) {
        sent += 1;
        yield await Promise.resolve(ExecDomainRequest.fromPartial({ item: input(`${sent}`) }));
      }
    }
    const answers = verbs.exec(eager());
    await answers.next();
    await answers.next();
    await agent.settled();
    expect(sent).toBeLessThan(6);
    await answers.return(undefined);
  });

  it('ends with the call', async () => {
    const uid = await make();
    const leaving = new AbortController();
    const answers = verbsOf(agent, testCall({ signal: leaving.signal })).exec(client([open()], never()));
    await answers.next();
    const next = answers.next();
    leaving.abort();
    await expect(next).rejects.toMatchObject({ reason: 'OPERATION_CANCELLED' });
    expect(called(uid)).toContain('exec-dispose');
  });

  it('is not there, or the guest does not run', async () => {
    await make();
    await expect(run(open({ command: ['missing'] }))).rejects.toMatchObject({ violations: [{ field: 'open.command' }] });
    await verbs.destroy('web');
    await expect(run(open())).rejects.toMatchObject({ reason: 'STATE_INVALID' });
  });
});
