import { cpus, hostname, totalmem } from 'node:os';
import { NodeCondition } from '@virtmesh/contracts/node/v1/node';
import { type NodeEvent, NodeEventKind } from '@virtmesh/contracts/node/v1/node_event';
import { featureNames } from '@virtmesh/driver-spi';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { idleMachine } from '../support/domain-specs.ts';
import { brokenRules } from '../support/event-rules.ts';
import { TestSystem } from '../support/system.ts';
import type { TestClient } from '../support/test-client.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await TestSystem.start({ fleet: true });
});
afterAll(async () => system[Symbol.asyncDispose]());

describe.each(['agent', 'fleet'] as const)('nodes and capabilities of the %s', (scope) => {
  let client: TestClient;
  beforeAll(async () => {
    client = await system.client(scope);
  });

  it('shows the node', async () => {
    const id = `counted-${scope}`;
    await client.run(id, idleMachine());
    const node = await client.connection.nodes.getNode({ name: 'nodes/n1' });
    expect(node).toMatchObject({
      name: 'nodes/n1',
      hostname: hostname(),
      condition: NodeCondition.READY,
      cpu: { arch: 'x86_64', cpus: cpus().length },
      memory: { totalBytes: BigInt(totalmem()) },
    });
    expect(node.uid).toMatch(/^[0-9a-f-]{36}$/);
    expect(node.numaCells.flatMap((cell) => cell.cpus)).toHaveLength(cpus().length);
    const [driver] = node.drivers;
    expect(driver).toMatchObject({
      type: 'qemu',
      available: true,
      accelerators: ['tcg'],
      version: expect.stringMatching(/^7\.2/) as unknown,
    });
    expect(driver?.features).toEqual(featureNames.map((feature) => ({ name: feature, available: true, why: '' })));
    expect((await client.connection.nodes.listNodes({ pageSize: 0, pageToken: '' })).nodes.map((each) => each.name)).toEqual(['nodes/n1']);
    await client.remove(id);
    await expect(client.connection.nodes.getNode({ name: 'nodes/n2' })).rejects.toMatchObject({ reason: 'NODE_NOT_FOUND' });
    await expect(client.connection.nodes.getNode({ name: 'n1' })).rejects.toMatchObject({ reason: 'NAME_INVALID' });
  });

  it('tells what definitions can have', async () => {
    const { domains } = client.connection;
    const found = await domains.getDomainCapabilities({ node: 'nodes/n1', hypervisor: '', arch: '', machine: 'q35' });
    expect(found).toMatchObject({
      hypervisor: 'qemu',
      arch: 'x86_64',
      accelerator: 'tcg',
      machine: expect.stringMatching(/^pc-q35-7\.2/) as unknown,
      binaryPath: expect.stringMatching(/qemu-system-x86_64$/) as unknown,
    });
    expect(found.machines.map((machine) => machine.alias)).toEqual(expect.arrayContaining(['pc', 'q35']));
    expect(found.cpuModels.find((model) => model.name === 'qemu64')).toMatchObject({ usable: true });
    expect(found.firmwares.every((firmware) => firmware.available)).toBe(true);
    expect(found.devices.find((device) => device.name === 'disk.bus.virtio')?.available).toBe(true);
    expect(found.fields).toEqual(expect.arrayContaining(['memory.size_bytes', 'qemu.args']));
    await expect(domains.getDomainCapabilities({ node: 'nodes/n2', hypervisor: '', arch: '', machine: '' })).rejects.toMatchObject({
      reason: 'NODE_NOT_FOUND',
    });
    await expect(domains.getDomainCapabilities({ node: 'nodes/n1', hypervisor: '', arch: '', machine: 'no-such' })).rejects.toMatchObject({
      reason: expect.any(String) as unknown,
    });
  });
});

it('tells watchers of the agent’s end and return, and JetStream of its start', async () => {
  const { nodes } = await system.connect('fleet');
  const { resumeToken } = await nodes.listNodes({ pageSize: 0, pageToken: '' });
  const seen: NodeEvent[] = [];
  const watching = (async () => {
    for await (const { item } of nodes.watchNodes({ resumeToken }, { timeoutMs: 60_000 })) {
      if (item?.$case === 'event') seen.push(item.value);
      if (seen.some((event) => event.kind === NodeEventKind.REACHABLE) && seen.some((event) => event.kind === NodeEventKind.AGENT_STARTED))
        return;
    }
  })();
  const lost = async (): Promise<boolean> => (await nodes.getNode({ name: 'nodes/n1' })).condition === NodeCondition.UNREACHABLE;
  await system.agent.kill();
  for (const end = Date.now() + 20_000; !(await lost()) && Date.now() < end;);
  expect(await lost()).toBe(true);
  await system.agent.start();
  await watching;
  expect(new Set(seen.map((event) => event.kind))).toEqual(
    new Set([NodeEventKind.AGENT_STARTED, NodeEventKind.REACHABLE, NodeEventKind.UNREACHABLE]),
  );
  expect(seen).toHaveLength(3);
  await system.tape.until(
    'two starts of the agent',
    () => system.tape.events.filter(({ event }) => event.type === 'io.virtmesh.node.agent_started.v1').length === 2,
  );
  expect(brokenRules(system.tape.events)).toEqual([]);
});
