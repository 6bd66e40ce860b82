import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createHost } from '@virtmesh/host';
import { ChannelKind } from '@virtmesh/contracts/domain/v1/channel';
import { Accelerator, DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { Host } from '@virtmesh/driver-spi';
import { makeDisk } from '../support/guest-image.ts';
import { TestSystem } from '../support/system.ts';
import type { TestClient } from '../support/test-client.ts';
import { LeanClient } from './client/lean-client.ts';
import { argumentsOf } from './raw/launch.ts';

/** The fixed reference domain: q35, a disk, a NIC, VNC, the guest agent's channel, sandboxed. Nothing is started before it is asked for. */
export function referenceSpec(disk: string): DomainSpec {
  return DomainSpec.fromPartial({
    hypervisor: 'qemu',
    accelerator: Accelerator.TCG,
    machine: 'q35',
    cpu: { vcpus: 1 },
    memory: { sizeBytes: 96n * 1024n * 1024n },
    disks: [{ source: { source: { $case: 'filePath', value: disk } } }],
    interfaces: [{ backend: { $case: 'user', value: {} } }],
    channels: [{ kind: ChannelKind.GUEST_AGENT }],
    graphics: [{ protocol: { $case: 'vnc', value: {} } }],
  });
}

/** From here on QEMUs started by hand have their ports, one after the other. */
const firstRawVncPort = 17_400;

/** The whole system, a number of reference domains, and their QEMU arguments for starting the same by hand. */
export interface Bench extends AsyncDisposable {
  readonly system: TestSystem;
  readonly host: Host;
  readonly agent: TestClient;
  /** The whole fleet's; the agent's where there is no control plane. */
  readonly fleet: TestClient;
  /** Clients for what is timed, by who answers. */
  readonly lean: { readonly agent: LeanClient; readonly 'domain-svc'?: LeanClient };
  /** Where the raw guests' sockets go. */
  readonly rawDir: string;
  readonly ids: readonly string[];
  /** By index of `ids`. */
  readonly rawArgs: readonly (readonly string[])[];
}

/** With `alone` there is no control plane, which else takes of the same processors what it does with each event. */
export async function openBench(count: number, { alone }: { readonly alone: boolean }): Promise<Bench> {
  // Ports of its own, so that it can run beside tests.
  const system = await TestSystem.start({
    fleet: !alone,
    agent: { qemu: { accelerator: 'tcg', vncPorts: { first: 17_000, last: firstRawVncPort - 1 } } },
  });
  try {
    const [agent, fleet, host] = await Promise.all([system.client('agent'), system.client(alone ? 'agent' : 'fleet'), createHost()]);
    const rawDir = join(system.disks, 'raw');
    await mkdir(rawDir);
    await chmod(rawDir, 0o777);
    const ids = Array.from({ length: count }, (_, index) => `ref${index}`);
    const rawArgs: string[][] = [];
    for (const [index, id] of ids.entries()) {
      const disk = join(system.disks, `${id}.img`);
      await makeDisk(disk, 64n * 1024n * 1024n, 'raw');
      await agent.create(id, referenceSpec(disk));
      const domain = await agent.start(id);
      rawArgs.push(await argumentsOf(domain.status?.pid ?? 0n, system.runDir, rawDir, firstRawVncPort + index));
      await agent.destroy(id);
    }
    const lean = {
      agent: await LeanClient.start(system.agentSocket),
      ...(alone ? {} : { 'domain-svc': await LeanClient.start(system.domainSvcSocket) }),
    };
    const close = async (): Promise<void> => {
      for (const client of Object.values(lean)) await client[Symbol.asyncDispose]();
      await system[Symbol.asyncDispose]();
    };
    return { system, host, agent, fleet, lean, rawDir, ids, rawArgs, [Symbol.asyncDispose]: close };
  } catch (thrown) {
    await system[Symbol.asyncDispose]();
    throw thrown;
  }
}
