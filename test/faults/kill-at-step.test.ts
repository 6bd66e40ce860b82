import { randomUUID } from 'node:crypto';
import { DomainState } from '@virtmesh/contracts/domain/v1/domain';
import { type Operation, OperationState } from '@virtmesh/contracts/operation/v1/operation';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { fileDisk, idleMachine, linuxGuest, mebibyte } from '../support/domain-specs.ts';
import { guestImage } from '../support/guest-image.ts';
import type { TestClient } from '../support/test-client.ts';
import { ConsoleSession } from '../support/console-session.ts';
import { acknowledged } from './acknowledged.ts';
import { disagreements } from './agreement.ts';
import { KilledWorld } from './killed-world.ts';

let world: KilledWorld;
beforeAll(async () => {
  world = await KilledWorld.start();
});
afterEach(async ({ task }) => {
  if (task.result?.state === 'fail') await world.cleared();
});
afterAll(async () => world[Symbol.asyncDispose]());

const spec = (): ReturnType<typeof idleMachine> => idleMachine({ disks: [fileDisk(world.disk)] });

type Before = 'absent' | 'shut off' | 'running' | 'paused';

interface Verb {
  /** What the domain is when it is called. */
  readonly before: Before;
  readonly call: (client: TestClient, id: string, requestId: string) => Promise<unknown>;
  /** What the domain is in the end; undefined where it is gone. */
  readonly after: DomainState | undefined;
  readonly places: readonly string[];
}

const steps = ['reserve', 'files', 'network', 'spawn', 'monitor', 'configure', 'run', 'commit'];
/** Between the end of one step and the beginning of the next nothing is done: each side of each step is here once. */
const sidesOf = (verb: string, names: readonly string[]): string[] => [
  ...names.map((name) => `${verb}.${name}.before`),
  `${verb}.${names.at(-1)}.after`,
];
const endsOf = (verb: string): string[] => [`${verb}.begin`, `${verb}.record`, `${verb}.end`];

const verbs: Verb[] = [
  {
    before: 'shut off',
    call: async (client, id, requestId) => client.start(id, { requestId }),
    after: DomainState.RUNNING,
    places: [...endsOf('start'), ...sidesOf('start', steps)],
  },
  {
    before: 'absent',
    call: async (client, id, requestId) => client.create(id, spec(), { requestId, start: true }),
    after: DomainState.RUNNING,
    places: [...endsOf('create'), 'create.defined', 'create.files.after', 'create.spawn.after', 'create.run.after'],
  },
  {
    before: 'running',
    call: async (client, id, requestId) => client.destroy(id, { requestId }),
    after: DomainState.SHUTOFF,
    places: [...endsOf('destroy'), ...sidesOf('destroy', ['kill']), 'destroy.release.after'],
  },
  {
    before: 'running',
    call: async (client, id, requestId) => client.delete(id, { requestId, destroy: true }),
    after: undefined,
    places: [...endsOf('delete'), ...sidesOf('delete', ['kill']), 'destroy.release.after', 'delete.forgotten'],
  },
  {
    before: 'running',
    call: async (client, id, requestId) =>
      client.update(id, ['title', 'memory.current_bytes'], { title: 'new', memory: { currentBytes: 16n * mebibyte } }, { requestId }),
    after: DomainState.RUNNING,
    places: ['update.applied', 'update.record', 'update.end'],
  },
  {
    before: 'running',
    call: async (client, id, requestId) => client.suspend(id, { requestId }),
    after: DomainState.PAUSED,
    places: ['suspend.record', 'suspend.end'],
  },
  {
    before: 'paused',
    call: async (client, id, requestId) => client.resume(id, { requestId }),
    after: DomainState.RUNNING,
    places: ['resume.record', 'resume.end'],
  },
];

const cases = verbs.flatMap((verb) => verb.places.map((place) => ({ ...verb, place, title: `${place}, ${verb.before}` })));

async function prepare(id: string, before: Before): Promise<void> {
  if (before !== 'absent') await world.agent.create(id, spec(), { start: before === 'running', startPaused: before === 'paused' });
}

async function bootedUp(id: string): Promise<void> {
  await using console = new ConsoleSession(world.agent.connection, { name: world.agent.name(id), readOnly: true, replayBytes: 65_536n });
  await console.until(/virtmesh guest: ready/);
}

/** Makes a call whose agent is killed on the way, and starts the agent again; answers what the call answered in the end. */
async function killedAt(place: string, call: () => Promise<unknown>): Promise<unknown> {
  const answer = acknowledged(call);
  answer.catch(() => {});
  await world.died(place);
  await world.life();
  return answer;
}

/** The one operation of a request, once it has ended. */
async function operationOf(requestId: string): Promise<Operation> {
  const operations = await world.operationsOf(requestId);
  expect(operations).toHaveLength(1);
  return operations[0] as Operation;
}

/** Removes the domain, and shows that nothing of it is left anywhere and that no event of it was lost. */
async function removed(id: string, uid: string): Promise<void> {
  if ((await world.agent.list()).domains.some((domain) => domain.uid === uid)) await world.agent.remove(id);
  await world.sawTheEnd(uid);
  expect(await disagreements(world.system, world.agent)).toEqual([]);
  expect(await world.system.traces(uid)).toEqual([]);
  expect(await world.leftovers()).toEqual([]);
}

describe('an agent that is killed', () => {
  it.each(cases)('at $title', async ({ after, before, call, place }) => {
    const id = `at-${place.replaceAll('.', '-')}-${before.replace(' ', '-')}`;
    const requestId = randomUUID();
    // No preparation comes to the place.
    await world.life(place);
    await prepare(id, before);
    const scope = cases.findIndex((one) => one.place === place) % 2 === 0 ? world.agent : world.fleet;
    const answer = await killedAt(place, async () => call(scope, id, requestId));
    expect(await call(world.agent, id, requestId), 'the same request is answered alike').toEqual(answer);
    const operation = await operationOf(requestId);
    expect(operation).toMatchObject({ state: OperationState.SUCCEEDED, target: world.agent.name(id) });
    const { domains } = await world.agent.list();
    expect(domains.map(({ status }) => status?.state)).toEqual(after === undefined ? [] : [after]);
    expect(await disagreements(world.system, world.agent)).toEqual([]);
    await removed(id, operation.targetUid);
  });

  it.each(endsOf('reboot'))('at %s, which it says it cannot know the outcome of', async (place) => {
    const id = `at-${place.replace('.', '-')}`;
    const requestId = randomUUID();
    await world.life(place);
    await prepare(id, 'running');
    const { status, uid } = await world.agent.get(id);
    const answer = killedAt(place, async () => world.agent.reboot(id, { requestId }));
    if (place === 'reboot.end') expect(await answer).toMatchObject({ uid });
    else await expect(answer).rejects.toMatchObject({ reason: 'OPERATION_PREEMPTED' });
    expect((await operationOf(requestId)).state).toBe(place === 'reboot.end' ? OperationState.SUCCEEDED : OperationState.CANCELLED);
    expect((await world.agent.get(id)).status).toMatchObject({ state: DomainState.RUNNING, pid: status?.pid, job: '' });
    expect(await disagreements(world.system, world.agent)).toEqual([]);
    await removed(id, uid);
  });

  it.each(['shutdown.begin', 'shutdown.asked', 'shutdown.record'])('at %s, while a guest shuts down', async (place) => {
    const id = `at-${place.replace('.', '-')}`;
    const requestId = randomUUID();
    await world.life(place);
    const { uid } = await world.agent.run(id, linuxGuest(await guestImage(), '', { disks: [fileDisk(world.disk)] }));
    await bootedUp(id);
    const answer = await killedAt(place, async () => world.agent.shutdown(id, { requestId }));
    expect(answer).toMatchObject({ uid, status: { state: DomainState.SHUTOFF } });
    expect((await operationOf(requestId)).state).toBe(OperationState.SUCCEEDED);
    expect(await disagreements(world.system, world.agent)).toEqual([]);
    await removed(id, uid);
  });
});

/** The life of a domain, each call with a request id of its own; what was answered is answered again in a later life. */
async function wholeLife(id: string): Promise<string> {
  const calls: ((requestId: string) => Promise<unknown>)[] = [
    async (requestId) => world.agent.create(id, spec(), { requestId, start: true }),
    async (requestId) => world.agent.suspend(id, { requestId }),
    async (requestId) => world.agent.resume(id, { requestId }),
    async (requestId) => world.agent.update(id, ['title'], { title: 'new' }, { requestId }),
    async (requestId) => world.agent.destroy(id, { requestId, force: true }),
    async (requestId) => world.agent.start(id, { requestId, paused: true }),
    async (requestId) => world.agent.delete(id, { requestId, destroy: true }),
  ];
  const answers: unknown[] = [];
  const requests = calls.map(() => randomUUID());
  for (const [index, call] of calls.entries()) answers.push(await acknowledged(async () => call(requests[index] ?? '')));
  const again: unknown[] = [];
  for (const [index, call] of calls.entries()) again.push(await acknowledged(async () => call(requests[index] ?? '')));
  expect(again).toEqual(answers);
  const operations = await Promise.all(requests.map(operationOf));
  expect(operations.map(({ state }) => state)).toEqual(requests.map(() => OperationState.SUCCEEDED));
  return operations[0]?.targetUid ?? '';
}

/** Plays a whole life, whose agent is killed at a pass of a place and started again. Answers whether it came to that. */
async function livesOn(place: string, pass: number): Promise<boolean> {
  await world.system.agent.kill();
  const life = await world.system.agent.spawn({ VIRTMESH_FAILPOINTS: `${place}@${pass}=kill` });
  let next: Promise<void> | undefined;
  life.once('exit', () => {
    next = world.life();
    next.catch(() => {});
  });
  try {
    await world.sawTheEnd(await wholeLife(`${place.replace('.', '-')}-${pass}`));
  } finally {
    life.removeAllListeners('exit');
    await next;
  }
  return next !== undefined;
}

describe.each(['commit.before', 'commit.after'])('an agent that is killed at any %s of a domain’s life', (place) => {
  it('goes on where it was', { timeout: 1_800_000 }, async () => {
    let pass = 1;
    for (; await livesOn(place, pass); pass += 1) {
      expect(await disagreements(world.system, world.agent), `${place}@${pass}`).toEqual([]);
      expect(await world.leftovers(), `${place}@${pass}`).toEqual([]);
    }
    // Fewer would mean that the places are not where the commits are.
    expect(pass).toBeGreaterThan(12);
  });
});

it('no event was lost or doubled in all of this', async () => {
  expect(await world.brokenEvents()).toEqual([]);
});
