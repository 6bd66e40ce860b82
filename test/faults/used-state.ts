import { randomUUID } from 'node:crypto';
import { resultOf } from '@virtmesh/client';
import { DomainState, DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';
import { StartDomainRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import { SaveDomainRequest } from '@virtmesh/contracts/domain/v1/saved_state';
import { type Operation, OperationState } from '@virtmesh/contracts/operation/v1/operation';
import { faultFromStatus } from '@virtmesh/kit/client';
import { expect } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { processesWith } from '../support/host-traces.ts';
import { becomes } from './becomes.ts';
import { dice } from './dice.ts';
import type { Lane } from './lane.ts';
import { SimulatedFaults } from './simulated-faults.ts';
import { programOf, type Subject } from './subjects.ts';

const wait = { seconds: 30n, nanos: 0 };

/**
 * A guest goes on from the state that the agent keeps, and ends together with its agent, which could not say yet that it
 * runs: its disks have changed, and nothing may go on from that state again.
 */
export async function usesItsStateOnce(lane: Lane, subject: Subject): Promise<void> {
  const { agent } = lane.system;
  const id = lane.newId();
  const requestId = randomUUID();
  const start = (): Promise<Operation> =>
    lane.client.connection.domains.startDomain(StartDomainRequest.fromPartial({ name: lane.client.name(id), requestId, wait }));
  const { uid } = await lane.client.run(id, subject.spec(lane.places));
  resultOf(await lane.client.connection.domains.saveDomain(SaveDomainRequest.fromPartial({ name: lane.client.name(id), wait })));
  await agent.plant('start.run.after=kill');
  await Promise.all([agent.ended(), start().catch(() => undefined)]);
  await endGuest(lane, uid);
  await lane.start();

  const { result, state } = await start();
  expect([state, result?.$case === 'error' ? faultFromStatus(result.value).reason : '']).toEqual([
    OperationState.FAILED,
    'HYPERVISOR_FAILED',
  ]);
  expect((await lane.client.get(id)).status).toMatchObject({ state: DomainState.SHUTOFF, managedSave: false, job: '' });
  await becomes(() => lane.system.traces(uid), []);
  // Its end while it went on was no start that succeeded.
  expect((await lane.client.start(id)).status).toMatchObject({ reason: DomainStateReason.BOOTED, startCount: 2n });
  await lane.client.remove(id);
}

async function endGuest({ system }: Lane, uid: string): Promise<void> {
  const machines = (await processesWith(uid)).filter((process) => programOf(process) === 'qemu-system-x86_64');
  for (const { pid } of machines) process.kill(pid, 'SIGKILL');
  if (machines.length === 0) await new SimulatedFaults(system.runDir, dice(0)).crash(uid);
  await eventually('the end of the guest', async () => (await processesWith(uid)).length === 0);
}
