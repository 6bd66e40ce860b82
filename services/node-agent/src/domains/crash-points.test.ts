import { randomUUID } from 'node:crypto';
import { existsSync, linkSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DomainState } from '@virtmesh/contracts/domain/v1/domain';
import { type Operation, OperationState } from '@virtmesh/contracts/operation/v1/operation';
import { hasEnded } from '@virtmesh/operations';
import { describe, expect, it } from 'vitest';
import { brokenLaws } from '../testing/event-laws.ts';
import type { ScriptedWorld } from '../testing/scripted-world.ts';
import { TestAgent } from '../testing/test-agent.ts';
import { plainSpec, type Verbs, verbsOf } from '../testing/verbs.ts';
import { isActive } from './model/states.ts';

/** What a kill at one moment would leave: the store's files and the host, and what callers had been answered by then. */
interface Moment {
  readonly place: string;
  readonly directory: string;
  readonly world: ScriptedWorld;
  readonly answered: ReadonlyMap<string, Operation>;
  /** What was there of the files that the agent makes of guests. */
  readonly files: string;
}

interface Scenario {
  readonly what: string;
  /** Each call is made with a request id of its own. */
  readonly calls: readonly {
    readonly id: string;
    readonly make: (verbs: Verbs, requestId: string, files: string) => Promise<Operation>;
    /** A kill may end the operation badly, so that the caller asks anew. */
    readonly mayBeCut?: boolean;
  }[];
  /** What happens on the host after a call, by its index. */
  readonly after?: (agent: TestAgent, index: number) => void;
}

const start = { start: true };
const scenarios: Scenario[] = [
  {
    what: 'a domain from its definition to its removal',
    calls: [
      { id: 'web', make: (verbs, requestId) => verbs.create('web', { requestId }) },
      { id: 'web', make: (verbs, requestId) => verbs.start('web', { requestId }) },
      { id: 'web', make: (verbs, requestId) => verbs.suspend('web', { requestId }) },
      { id: 'web', make: (verbs, requestId) => verbs.resume('web', { requestId }) },
      {
        id: 'web',
        make: (verbs, requestId) =>
          verbs.update('web', {
            requestId,
            spec: { title: 'new', memory: { currentBytes: 32n << 20n } },
            updateMask: ['title', 'memory.current_bytes'],
          }),
      },
      { id: 'web', make: (verbs, requestId) => verbs.autostart('web', true, { requestId }) },
      { id: 'web', make: (verbs, requestId) => verbs.destroy('web', { requestId }) },
      { id: 'web', make: (verbs, requestId) => verbs.delete('web', { requestId }) },
    ],
  },
  {
    what: 'a transient domain that shuts down',
    calls: [
      { id: 'web', make: (verbs, requestId) => verbs.create('web', { requestId, transient: true }) },
      { id: 'web', make: (verbs, requestId) => verbs.shutdown('web', { requestId, wait: { seconds: 5n, nanos: 0 } }) },
    ],
  },
  {
    what: 'a domain that is made and started, and deleted while it runs',
    calls: [
      { id: 'web', make: (verbs, requestId) => verbs.create('web', { requestId, ...start }) },
      { id: 'web', make: (verbs, requestId) => verbs.delete('web', { requestId, destroy: true }) },
    ],
  },
  {
    what: 'a guest that dies by itself and is started again',
    calls: [
      { id: 'web', make: (verbs, requestId) => verbs.create('web', { requestId, ...start }) },
      { id: 'web', make: (verbs, requestId) => verbs.start('web', { requestId }) },
    ],
    after: (agent, index) => {
      if (index === 0) for (const uid of agent.world.guests.keys()) agent.world.end(uid, 'crashed', 'it fell over');
    },
  },
];

const disk = (value: object) => ({ device: { device: { $case: 'disk' as const, value } } });
const withDisk = { ...start, spec: plainSpec({ disks: [{ id: 'disk0' }] }) };
scenarios.push(
  {
    what: 'a guest whose devices come, change and go',
    calls: [
      { id: 'web', make: (verbs, requestId) => verbs.create('web', { requestId, ...withDisk }) },
      { id: 'web', make: (verbs, requestId) => verbs.attach('web', { requestId, ...disk({}) }) },
      { id: 'web', make: (verbs, requestId) => verbs.updateDevice('web', { requestId, ...disk({ id: 'disk1', serial: 's' }) }) },
      { id: 'web', make: (verbs, requestId) => verbs.detach('web', 'disk0', { requestId }) },
      { id: 'web', make: (verbs, requestId) => verbs.resizeDisk('web', 'disk1', 512n, { requestId }) },
      { id: 'web', make: (verbs, requestId) => verbs.rename('web', 'shop', { requestId }) },
      { id: 'shop', make: (verbs, requestId) => verbs.delete('shop', { requestId, destroy: true }) },
    ],
  },
  {
    what: 'a guest whose state is kept by the agent',
    calls: [
      { id: 'web', make: (verbs, requestId) => verbs.create('web', { requestId, ...withDisk }) },
      { id: 'web', make: (verbs, requestId) => verbs.save('web', { requestId }), mayBeCut: true },
      { id: 'web', make: (verbs, requestId) => verbs.start('web', { requestId }) },
      { id: 'web', make: (verbs, requestId) => verbs.save('web', { requestId }), mayBeCut: true },
      { id: 'web', make: (verbs, requestId) => verbs.removeManagedSave('web', { requestId }) },
      { id: 'web', make: (verbs, requestId) => verbs.delete('web', { requestId }) },
    ],
  },
  {
    what: 'a transient guest that is dumped, saved to a file and restored',
    calls: [
      { id: 'web', make: (verbs, requestId) => verbs.create('web', { requestId, transient: true }) },
      { id: 'web', make: (verbs, requestId, files) => verbs.dump('web', join(files, 'core'), { requestId }), mayBeCut: true },
      { id: 'web', make: (verbs, requestId, files) => verbs.save('web', { path: join(files, 'a'), requestId }), mayBeCut: true },
      { id: 'web', make: (verbs, requestId, files) => verbs.restore(join(files, 'a'), { requestId }) },
      { id: 'web', make: (verbs, requestId) => verbs.destroy('web', { requestId }) },
    ],
  },
);

/** The same files under other names, so that nothing is lost when these are removed. */
function linkTree(from: string, to: string): void {
  for (const entry of readdirSync(from, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    const path = join(to, join(entry.parentPath, entry.name).slice(from.length));
    mkdirSync(dirname(path), { recursive: true });
    linkSync(join(entry.parentPath, entry.name), path);
  }
}

const idOf = (operation: Operation): string => operation.name.split('/').at(-1) ?? '';

/** Plays a scenario and keeps the moment of each commit and of each call of the driver. */
async function momentsOf(scenario: Scenario): Promise<{ moments: Moment[]; requests: string[] }> {
  await using agent = await TestAgent.start();
  const moments: Moment[] = [];
  const answered = new Map<string, Operation>();
  const keep = (place: string): void => {
    const files = mkdtempSync(`${agent.world.files}-at-`);
    linkTree(agent.world.files, files);
    moments.push({ place, directory: agent.copyStore(), world: agent.world.clone(), answered: new Map(answered), files });
  };
  const { store } = agent.context;
  const commit = store.tx.bind(store);
  let depth = 0;
  store.tx = (work) => {
    depth += 1;
    try {
      return commit(work);
    } finally {
      depth -= 1;
      if (depth === 0) keep('a commit');
    }
  };
  for (const place of [
    'reserve',
    'spawn',
    'run',
    'suspend',
    'resume',
    'apply',
    'shutdown',
    'destroy',
    'destroy-gracefully',
    'release',
    'forget',
    'attach',
    'update',
    'detach',
    'settle',
    'resize',
    'save',
    'dump',
  ]) {
    agent.world.hooks.set(place, (uid) => {
      keep(place);
      if (place === 'shutdown') setImmediate(() => agent.world.powerOff(uid));
    });
  }
  const verbs = verbsOf(agent);
  const requests: string[] = [];
  for (const [index, { make }] of scenario.calls.entries()) {
    const requestId = randomUUID();
    requests.push(requestId);
    const operation = await make(verbs, requestId, agent.world.files);
    expect(operation.state).toBe(OperationState.SUCCEEDED);
    answered.set(requestId, operation);
    scenario.after?.(agent, index);
    await agent.settled();
    keep('an answer');
  }
  expect(brokenLaws(agent.events())).toEqual([]);
  return { moments, requests };
}

describe.each(scenarios)('$what', (scenario) => {
  it('can be killed at every commit and every call of the driver', { timeout: 120_000 }, async () => {
    const { moments, requests } = await momentsOf(scenario);
    expect(moments.length).toBeGreaterThan(10);
    try {
      for (const moment of moments) await survives(scenario, moment, requests);
    } finally {
      for (const { directory, files } of moments) for (const path of [directory, files]) rmSync(path, { recursive: true, force: true });
    }
  });
});

/** What must be after the next life has taken up what a moment left. */
async function survives(scenario: Scenario, moment: Moment, requests: readonly string[]): Promise<void> {
  const { answered, directory, place, world } = moment;
  linkTree(moment.files, world.files);
  world.hooks.set('shutdown', (uid) => void setImmediate(() => world.powerOff(uid)));
  await using agent = await TestAgent.start({ world }, directory);
  const { operations } = agent.context;
  const unfinished = operations.list({ limit: 100, includeDone: false });
  for (const operation of unfinished) {
    const ended = await operations.wait(idOf(operation), AbortSignal.timeout(10_000), 5_000);
    expect([place, operation.verb, hasEnded(ended.state)]).toEqual([place, operation.verb, true]);
  }
  await agent.settled();
  expect([place, ...brokenLaws(agent.events())]).toEqual([place]);
  sameAsHost(agent, place);
  // What was answered is answered again, and what was not can be asked once more, to the same end.
  const verbs = verbsOf(agent);
  for (const [index, { make, mayBeCut = false }] of scenario.calls.entries()) {
    const requestId = requests[index] ?? '';
    const before = answered.get(requestId);
    const again = await make(verbs, requestId, world.files);
    const cut = mayBeCut && again.state !== OperationState.SUCCEEDED;
    const operation = cut ? await make(verbs, randomUUID(), world.files) : again;
    if (before) expect(operation).toEqual(before);
    else expect([place, operation.verb, operation.state]).toEqual([place, operation.verb, OperationState.SUCCEEDED]);
    if (!before) scenario.after?.(agent, index);
    await agent.settled();
  }
  expect([place, ...brokenLaws(agent.events())]).toEqual([place]);
  sameAsHost(agent, place);
}

/** A guest runs where its domain says so, nothing is held for others, and nobody is left behind. */
function sameAsHost({ context, registry, world }: TestAgent, place: string): void {
  const active = registry
    .sorted()
    .filter((entry) => isActive(entry.state))
    .map((entry) => entry.guest.uid);
  expect([place, [...world.guests.keys()], [...world.held]]).toEqual([place, active, active]);
  for (const { domain, guest } of registry.sorted()) {
    expect(domain.status?.job).toBe('');
    if (domain.status?.state === DomainState.RUNNING) expect(world.guest(guest.uid).state).toBe('running');
    expect(domain.activeSpec !== undefined).toBe(active.includes(guest.uid));
  }
  const saved = registry.sorted().filter(({ domain }) => domain.status?.managedSave === true);
  const states = existsSync(join(world.files, 'saved')) ? readdirSync(join(world.files, 'saved')) : [];
  expect([place, states]).toEqual([place, saved.map(({ guest }) => guest.uid)]);
  const kept = context.store.runtimes
    .all()
    .map((row) => row.uid)
    .filter((uid) => uid !== 'host:boot');
  expect([place, readdirSync(world.files, { recursive: true }).filter((name) => String(name).includes('.partial-'))]).toEqual([place, []]);
  expect([place, kept]).toEqual([place, active.map((uid) => `guest:${uid}`)]);
}
