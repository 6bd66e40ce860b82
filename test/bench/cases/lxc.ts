import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DestroyDomainRequest, StartDomainRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { Host, SpawnedProcess } from '@virtmesh/driver-spi';
import { createHost } from '@virtmesh/host';
import { makeContainerRoot } from '../../support/container-root.ts';
import { mebibyte } from '../../support/domain-specs.ts';
import { processesWith } from '../../support/host-traces.ts';
import { TestSystem } from '../../support/system.ts';
import type { TestClient } from '../../support/test-client.ts';
import { LeanClient } from '../client/lean-client.ts';
import { type Benchmark, calm, type Contender, timed } from '../harness.ts';

/** An agent with containers, and the configurations by which LXC's own tools start the same. */
export interface ContainerBench extends AsyncDisposable {
  readonly host: Host;
  readonly agent: TestClient;
  /** For what is timed of one container. */
  readonly lean: LeanClient;
  /** Where the tools keep what they know of their containers. */
  readonly rawDir: string;
  /** Domains without a console. */
  readonly plain: readonly string[];
  /** The same, with one console each. */
  readonly withConsole: readonly string[];
}

const init = ['/bin/sleep', '1000'] as const;
const startPath = '/virtmesh.domain.v1.DomainService/StartDomain';
const destroyPath = '/virtmesh.domain.v1.DomainService/DestroyDomain';
const wait = { seconds: 60n, nanos: 0 };

export async function openContainerBench(count: number): Promise<ContainerBench> {
  const system = await TestSystem.start();
  try {
    const [agent, host] = await Promise.all([system.client(), createHost()]);
    const root = join(system.disks, 'root');
    await makeContainerRoot(root);
    const rawDir = join(system.disks, 'raw');
    await mkdir(rawDir);
    const spec = (consoles: object[]): DomainSpec =>
      DomainSpec.fromPartial({
        hypervisor: 'lxc',
        memory: { sizeBytes: 64n * mebibyte },
        container: { init: { path: init[0], args: init.slice(1) } },
        filesystems: [{ source: { $case: 'directoryPath', value: root }, target: '/' }],
        consoles,
      });
    const plain = Array.from({ length: count }, (_, index) => `plain${index}`);
    const withConsole = plain.map((_, index) => `console${index}`);
    for (const id of plain) await agent.create(id, spec([]));
    for (const id of withConsole) await agent.create(id, spec([{}]));
    const { uid } = await agent.start(plain[0] ?? '');
    await writeFile(configOf(rawDir), rawConfig(await readFile(join(system.runDir, uid, '_config'), 'utf8')));
    await agent.destroy(plain[0] ?? '', { force: true });
    const lean = await LeanClient.start(system.agentSocket);
    const close = async (): Promise<void> => {
      await lean[Symbol.asyncDispose]();
      await system[Symbol.asyncDispose]();
    };
    return { host, agent, lean, rawDir, plain, withConsole, [Symbol.asyncDispose]: close };
  } catch (thrown) {
    await system[Symbol.asyncDispose]();
    throw thrown;
  }
}

const configOf = (rawDir: string): string => join(rawDir, 'config');

/** The driver's configuration without the names of its control groups, the way by which mounts come in, and what it says of consoles. */
const rawConfig = (text: string): string =>
  text
    .split('\n')
    .filter((line) => !/cgroup\.dir|dev\/\.virtmesh|lxc\.console/.test(line))
    .join('\n');

/** What is done by hand with LXC's tools; each is spawned as the agent spawns it. */
const tools = ({ host, rawDir }: ContainerBench) => {
  const run = (tool: string, name: string, ...args: string[]) =>
    host.processes.run(`/usr/bin/${tool}`, ['-n', name, '-P', rawDir, ...args], { signal: AbortSignal.timeout(60_000) });
  return {
    start: (name: string, console: string) =>
      run('lxc-start', name, '-d', '-f', configOf(rawDir), '-s', `lxc.console.${console}`, '--', ...init),
    kill: (name: string) => run('lxc-stop', name, '-k'),
  };
};
const noConsole = 'path=none';

/** One start and one kill: of a container of the agent, and of the tools. */
export function oneContainerBenchmarks(bench: ContainerBench, samples: number): readonly Benchmark[] {
  const { start, kill } = tools(bench);
  const name = bench.agent.name(bench.plain[0] ?? '');
  const startRequest = StartDomainRequest.encode(StartDomainRequest.fromPartial({ name, wait })).finish();
  const killRequest = DestroyDomainRequest.encode(DestroyDomainRequest.fromPartial({ name, wait, force: true })).finish();
  const lifeOf = (name: string, begin: () => Promise<number>, end: () => Promise<number>): readonly [Contender, Contender] => [
    {
      name,
      run: async () => {
        const ms = await begin();
        await calm();
        await end();
        await calm();
        return ms;
      },
    },
    {
      name,
      run: async () => {
        await begin();
        await calm();
        const ms = await end();
        await calm();
        return ms;
      },
    },
  ];
  const [rawStart, rawKill] = lifeOf(
    'raw',
    () => timed(() => start('raw', noConsole)),
    () => timed(() => kill('raw')),
  );
  const [agentStart, agentKill] = lifeOf(
    'agent',
    () => bench.lean.perform([startPath, startRequest]),
    () => bench.lean.perform([destroyPath, killRequest]),
  );
  const both = { targets: { agent: 1.2 }, samples, warmUp: 80 };
  return [
    {
      ...both,
      name: 'lxc-start',
      title: 'StartDomain of a container until its init runs; raw is lxc-start -d with the same configuration',
      libvirt: '114 ms, with 27 ms for lxc-start',
      contenders: [rawStart, agentStart],
    },
    {
      ...both,
      name: 'lxc-kill',
      title: 'DestroyDomain of a container, at once, and all of it given back; raw is lxc-stop -k',
      libvirt: '1,816 ms, with 13 ms for lxc-stop -k',
      contenders: [rawKill, agentKill],
    },
  ];
}

/** All containers at once until the last one runs, without consoles. */
export function manyContainersBenchmark(bench: ContainerBench, samples: number): Benchmark {
  const { start, kill } = tools(bench);
  const names = bench.plain.map((_, index) => `raw${index}`);
  const raw: Contender = {
    name: 'raw',
    run: async () => {
      const ms = await timed(() => Promise.all(names.map((name) => start(name, noConsole))));
      await Promise.all(names.map(kill));
      return ms;
    },
  };
  return {
    name: `lxc-start-${names.length}`,
    title: `${names.length} StartDomain of containers at once until the last one runs; raw is as many lxc-start; a ratio of 1.43 is 0.7 of the raw rate`,
    targets: { agent: 1 / 0.7 },
    samples,
    contenders: [raw, startAll(bench.agent, bench.plain)],
  };
}

/** The same with a console each, whose output is kept within bounds whatever becomes of the agent. */
export function manyConsolesBenchmark(bench: ContainerBench, samples: number): Benchmark {
  const { start, kill } = tools(bench);
  const names = bench.withConsole.map((_, index) => `raw${index}`);
  const raw: Contender = {
    name: 'raw',
    run: async () => {
      const keepers: SpawnedProcess[] = [];
      const ms = await timed(() =>
        Promise.all(
          names.map(async (name) => {
            const fifo = join(bench.rawDir, `${name}.fifo`);
            keepers.push(await keepLog(bench.host, fifo, join(bench.rawDir, `${name}.log`)));
            await start(name, `logfile=${fifo}`);
          }),
        ),
      );
      await Promise.all(names.map(kill));
      for (const { identity } of keepers) bench.host.processes.kill(identity, 'SIGKILL');
      await Promise.all(keepers.map(({ exited }) => exited));
      return ms;
    },
  };
  return {
    name: `lxc-start-${names.length}-consoles`,
    title: `the same with a console each; raw is as many lxc-start, each with a FIFO and a rotatelogs as the agent has them: LXC's own logs are unbounded or lose what they rotate`,
    targets: { agent: 1 / 0.7 },
    samples,
    contenders: [raw, startAll(bench.agent, bench.withConsole)],
  };
}

const startAll = (agent: TestClient, ids: readonly string[]): Contender => ({
  name: 'agent',
  run: async () => {
    const ms = await timed(() => Promise.all(ids.map((id) => agent.start(id))));
    await Promise.all(ids.map((id) => agent.destroy(id, { force: true })));
    return ms;
  },
});

async function keepLog(host: Host, fifo: string, log: string): Promise<SpawnedProcess> {
  const input = await host.sockets.inheritableFifo(fifo);
  try {
    const args = ['-n', '2', log, '1048576B'];
    return await host.processes.spawn({ file: '/usr/bin/rotatelogs', args, descriptors: [input.fd, 'ignore', 'ignore'], detached: true });
  } finally {
    input.close();
  }
}

/** What each container with a console takes beside itself, in bytes: its share of the memory of its monitor and of its log's keeper. */
export async function memoryBesideContainers({ agent, withConsole }: ContainerBench): Promise<number> {
  const uids = await Promise.all(withConsole.map(async (id) => (await agent.start(id)).uid));
  let bytes = 0;
  for (const uid of uids)
    for (const { pid } of await processesWith(uid)) {
      const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
      bytes += Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1] ?? 0) * 1024;
    }
  await Promise.all(withConsole.map((id) => agent.destroy(id, { force: true })));
  return bytes / withConsole.length;
}
