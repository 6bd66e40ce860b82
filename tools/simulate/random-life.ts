import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Fault, MiB } from '@virtmesh/base';
import { type Connection, resultOf } from '@virtmesh/client';
import { ChannelKind } from '@virtmesh/contracts/domain/v1/channel';
import {
  CreateDomainRequest,
  DestroyDomainRequest,
  RebootDomainRequest,
  ResumeDomainRequest,
  ShutdownDomainRequest,
  StartDomainRequest,
  SuspendDomainRequest,
} from '@virtmesh/contracts/domain/v1/domain_service';
import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { type Operation, OperationState } from '@virtmesh/contracts/operation/v1/operation';
import type { GuestAct, SimulatorControl } from '@virtmesh/driver-test';
import type { SimulateOptions } from './options.ts';
import type { Tally } from './tally.ts';

const wait = { seconds: 10n, nanos: 0 };
const maxAtOnce = 256;

/** What is done to domains, and how often of the sum of the weights. */
const verbs: readonly (readonly [string, number, (connection: Connection, name: string) => Promise<Operation>])[] = [
  ['start', 6, ({ domains }, name) => domains.startDomain(StartDomainRequest.fromPartial({ name, wait, requestId: randomUUID() }))],
  ['suspend', 2, ({ domains }, name) => domains.suspendDomain(SuspendDomainRequest.fromPartial({ name, wait, requestId: randomUUID() }))],
  ['resume', 3, ({ domains }, name) => domains.resumeDomain(ResumeDomainRequest.fromPartial({ name, wait, requestId: randomUUID() }))],
  ['reboot', 1, ({ domains }, name) => domains.rebootDomain(RebootDomainRequest.fromPartial({ name, wait, requestId: randomUUID() }))],
  [
    'shutdown',
    2,
    ({ domains }, name) => domains.shutdownDomain(ShutdownDomainRequest.fromPartial({ name, wait, requestId: randomUUID() })),
  ],
  [
    'destroy',
    1,
    ({ domains }, name) => domains.destroyDomain(DestroyDomainRequest.fromPartial({ name, force: true, wait, requestId: randomUUID() })),
  ],
];
const weights = verbs.reduce((all, [, weight]) => all + weight, 0);

/** The name of the domain of that number, which are dealt out to the nodes in turn. */
const nameOf = (nodes: readonly string[], index: number): string => `nodes/${nodes[index % nodes.length]}/domains/d${index}`;

/** Defines and starts all domains, some at once. */
export async function populate(
  connection: Connection,
  nodes: readonly string[],
  count: number,
  tally: Tally,
  signal: AbortSignal,
): Promise<void> {
  let next = 0;
  const work = async (): Promise<void> => {
    for (let index = next++; index < count && !signal.aborted; index = next++) {
      const [, node = ''] = nameOf(nodes, index).split('/');
      const request = { parent: `nodes/${node}`, domainId: `d${index}`, spec: simulatedSpec(), start: true, wait, requestId: randomUUID() };
      await counted(tally, 'create', () => connection.domains.createDomain(CreateDomainRequest.fromPartial(request), { signal }));
    }
  };
  await Promise.all(Array.from({ length: Math.min(32, count) }, work));
}

/** What a fleet's life is like. */
export interface LifeOptions extends Pick<SimulateOptions, 'domains' | 'rate' | 'ownDoing'> {
  readonly nodes: readonly string[];
  readonly random: () => number;
  /** The simulators by node, for what guests do by themselves. */
  readonly controls: ReadonlyMap<string, SimulatorControl>;
}

const guestActs: readonly GuestAct[] = ['reboot', 'shutdown', 'crash', 'panic', 'agent-lost', 'agent-back'];

/** Does things to random domains at a rate, until the signal. What is still under way is waited for. */
export async function liveAtRandom(connection: Connection, options: LifeOptions, tally: Tally, signal: AbortSignal): Promise<void> {
  const underWay = new Set<Promise<void>>();
  const began = performance.now();
  for (let done = 0; !signal.aborted && options.rate > 0;) {
    const due = ((performance.now() - began) / 1000) * options.rate;
    for (; done < due && underWay.size < maxAtOnce; done++) {
      const doing = doSomething(connection, options, tally).finally(() => underWay.delete(doing));
      underWay.add(doing);
    }
    await delay(20, undefined, { signal }).catch(() => undefined);
  }
  await Promise.all(underWay);
}

async function doSomething(
  connection: Connection,
  { controls, domains, nodes, ownDoing, random }: LifeOptions,
  tally: Tally,
): Promise<void> {
  if (random() * 100 < ownDoing) return actByItself(controls, random, tally);
  const name = nameOf(nodes, Math.floor(random() * domains));
  const [verb, , call] = choose(random());
  return counted(tally, verb, () => call(connection, name));
}

/** A guest that runs does something by itself. */
async function actByItself(controls: LifeOptions['controls'], random: () => number, tally: Tally): Promise<void> {
  const guest = tally.running(random());
  const act = guestActs[Math.floor(random() * guestActs.length)];
  const control = guest && controls.get(guest.node);
  if (!control || !act) return;
  try {
    await control.call('act', { uid: guest.uid, act }, AbortSignal.timeout(10_000));
    tally.did(`guest ${act}`);
  } catch (thrown) {
    tally.failed(Fault.from(thrown).reason);
  }
}

function choose(random: number): (typeof verbs)[number] {
  let left = random * weights;
  for (const verb of verbs) {
    left -= verb[1];
    if (left < 0) return verb;
  }
  throw new Error('weights do not add up');
}

async function counted(tally: Tally, verb: string, call: () => Promise<Operation>): Promise<void> {
  try {
    const operation = await call();
    // A paused guest does not heed a shutdown, and no longer than its wait is anything waited for.
    if (operation.state === OperationState.RUNNING || operation.state === OperationState.PENDING)
      return tally.did(`${verb} (not ended yet)`);
    resultOf(operation);
    tally.did(verb);
  } catch (thrown) {
    tally.failed(Fault.from(thrown).reason);
  }
}

const simulatedSpec = (): DomainSpec =>
  DomainSpec.fromPartial({
    hypervisor: 'test',
    memory: { sizeBytes: 512n * MiB },
    disks: [{ source: { source: { $case: 'filePath', value: '/simulated/disk' } } }],
    interfaces: [{ backend: { $case: 'user', value: {} } }],
    serials: [{}],
    channels: [{ kind: ChannelKind.GUEST_AGENT }],
  });
