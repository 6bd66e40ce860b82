import { setTimeout as delay } from 'node:timers/promises';
import type { Connection } from '@virtmesh/client';
import { DestroyDomainRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import { Failure } from '../dev/failure.ts';
import { say } from '../dev/say.ts';
import { SimulatedFleet } from './fleet.ts';
import { simulateHelp, simulateOptions, type SimulateOptions } from './options.ts';
import { liveAtRandom, populate } from './random-life.ts';
import { Tally } from './tally.ts';

const tableMs = 1000;

/** Runs a simulated fleet with a live table until Ctrl-C, and answers the exit code. */
export async function simulate(args: readonly string[]): Promise<number> {
  const options = simulateOptions(args);
  if (!options) {
    process.stdout.write(simulateHelp);
    return 0;
  }
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(name, () => stop.abort(new Failure('interrupted', 130)));
  say(`starting nats-server, domain-svc and ${options.nodes} agents ...`);
  await using fleet = await SimulatedFleet.start(options, stop.signal);
  const connection = await fleet.connect();
  try {
    await run(fleet, connection, options, stop);
  } finally {
    say('ending the guests and all processes ...');
    await endGuests(fleet, connection);
    connection.close();
  }
  return 0;
}

async function run(fleet: SimulatedFleet, connection: Connection, options: SimulateOptions, stop: AbortController): Promise<void> {
  say(`fleet: bin/vmesh -c unix://${fleet.directory}/svc.sock list --all`);
  say(`nodes: ${fleet.directory}/n*/run/test-simulator.sock are the simulators; Ctrl-C ends all`);
  const tally = new Tally();
  const { signal } = stop;
  const watching = watch(connection, tally, signal);
  const shown = showTable(fleet, tally, signal);
  if (options.seconds > 0)
    void delay(options.seconds * 1000, undefined, { signal }).then(
      () => stop.abort(),
      () => undefined,
    );
  await populate(connection, fleet.nodes, options.domains, tally, signal);
  const controls = await fleet.controls();
  await liveAtRandom(connection, { ...options, nodes: fleet.nodes, random: randomOf(options.seed), controls }, tally, signal);
  for (const control of controls.values()) await control[Symbol.asyncDispose]();
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  await Promise.all([watching, shown]);
}

async function watch(connection: Connection, tally: Tally, signal: AbortSignal): Promise<void> {
  for await (const change of connection.watchDomains({ parent: 'nodes/-' }, signal)) {
    if (change.$case === 'listed') tally.listed(change.domains);
    if (change.$case === 'event') tally.event(change.event.domain, change.event.gone);
  }
}

/** Once a second: drawn in place on a terminal, else one line. */
async function showTable(fleet: SimulatedFleet, tally: Tally, signal: AbortSignal): Promise<void> {
  let last = { events: 0, operations: 0, atMs: performance.now() };
  while (!signal.aborted) {
    await delay(tableMs, undefined, { signal }).catch(() => undefined);
    const atMs = performance.now();
    const seconds = (atMs - last.atMs) / 1000;
    const rates = { events: (tally.events - last.events) / seconds, operations: (tally.operations - last.operations) / seconds };
    last = { events: tally.events, operations: tally.operations, atMs };
    const lines = tally.lines(fleet.nodes, rates);
    if (process.stdout.isTTY) process.stdout.write(`\u001b[H\u001b[2J${lines.join('\n')}\n`);
    else process.stdout.write(`${lines.slice(-4).join('; ')}\n`);
  }
}

/** Simulators end with their last guest. */
async function endGuests(fleet: SimulatedFleet, { domains }: Connection): Promise<void> {
  for (const node of fleet.nodes) {
    const control = await fleet.control(node);
    if (!control) continue;
    for (let after = ''; ;) {
      const { guests } = await control.call('guests', { after, count: 1000 }, AbortSignal.timeout(10_000));
      if (guests.length === 0) break;
      after = guests.at(-1)?.uid ?? '';
      const active = guests.filter(({ state }) => state !== 'gone');
      await Promise.all(
        active.map(({ id }) =>
          domains
            .destroyDomain(DestroyDomainRequest.fromPartial({ name: `nodes/${node}/domains/${id}`, force: true }))
            .catch(() => undefined),
        ),
      );
    }
    await control[Symbol.asyncDispose]();
  }
}

/** Numbers from 0 to below 1, the same for the same seed. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 4_294_967_296;
  };
}
