import { rm } from 'node:fs/promises';
import { Fault } from '@virtmesh/base';
import { connect, type Connection } from '@virtmesh/client';
import { type Domain, DomainState } from '@virtmesh/contracts/domain/v1/domain';
import { DestroyDomainRequest, ListDomainsRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import { Failure } from '../dev/failure.ts';
import { say } from '../dev/say.ts';
import { requireRoot } from '../setup/requirements.ts';
import { setUpSystem } from '../setup/system-packages.ts';
import { ensureConfiguration } from './configuration.ts';
import { Constellation } from './constellation.ts';
import { guestProcesses } from './guest-processes.ts';
import { isAlive, readInstance, removeInstance } from './instance.ts';
import { devCommand, type DevLayout, devLayout } from './layout.ts';
import { endProcess } from './orphans.ts';
import { clearGuests, mayHaveGuests } from './run-directory.ts';

async function allDomains(agent: Connection, node: string): Promise<readonly Domain[]> {
  const found: Domain[] = [];
  let pageToken = '';
  do {
    const page = await agent.domains.listDomains(ListDomainsRequest.fromPartial({ parent: `nodes/${node}`, pageSize: 1000, pageToken }));
    found.push(...page.domains);
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  return found;
}

/** Ends every guest of the agent, as their owner would: with time to write out their disks. */
async function endGuests(agent: Connection, layout: DevLayout): Promise<void> {
  const active = (await allDomains(agent, layout.node)).filter((domain) => domain.status?.state !== DomainState.SHUTOFF);
  await Promise.all(
    active.map(async ({ name }) => agent.waitOperation(await agent.domains.destroyDomain(DestroyDomainRequest.fromPartial({ name })))),
  );
  for (const { name } of active) say(`ended the guest ${name.split('/').at(-1)}`);
}

/** Ends the guests by the agent that runs, else by one that is started for it: it also gives back what they held. */
async function endGuestsByAgent(layout: DevLayout): Promise<void> {
  const running = await connect(layout.agentSocket, { connectTimeoutMs: 5_000 }).catch(() => undefined);
  if (running) {
    await using agent = running;
    await endGuests(agent, layout);
  } else if (await mayHaveGuests(layout)) {
    const { files } = await ensureConfiguration(layout);
    const constellation = new Constellation({ layout, files, signal: AbortSignal.timeout(60_000) });
    try {
      await using agent = await constellation.startAgent();
      await endGuests(agent, layout);
    } finally {
      await constellation.stop();
    }
  }
}

/** Ends the guests by their agent; those that no agent ends, by what is seen of their processes. */
async function endAllGuests(layout: DevLayout): Promise<void> {
  try {
    await endGuestsByAgent(layout);
  } catch (error) {
    if (!(error instanceof Failure || Fault.is(error))) throw error;
    say(`the agent could not end the guests: ${error.message}`);
  }
  for (const guest of await guestProcesses(layout)) {
    await endProcess(guest);
    say(`ended the ${guest.name} of process ${guest.pid}`);
  }
}

/** Ends all that `./dev start` started, guests too. Definitions stay unless `--purge`, which removes all state. */
export async function stop(args: readonly string[]): Promise<number> {
  const unknown = args.find((arg) => arg !== '--purge');
  if (unknown !== undefined) throw new Failure(`stop knows no ${unknown}; there is --purge`, 2);
  const purge = args.includes('--purge');
  const layout = devLayout();
  requireRoot('./dev stop');
  await setUpSystem(say);
  await endAllGuests(layout);
  const instance = await readInstance(layout.instanceFile);
  // The main process ends its children; what it left when it was killed is ended here.
  for (const record of instance ? [instance.main, ...instance.children] : []) {
    if (!isAlive(record)) continue;
    await endProcess(record);
    say(`ended ${record.name} (process ${record.pid})`);
  }
  await removeInstance(layout.instanceFile);
  await clearGuests(layout);
  if (purge) {
    await rm(layout.directory, { recursive: true, force: true });
    say(`removed ${layout.directory}`);
  } else {
    say(`all is ended. Definitions are kept; ${devCommand(layout, 'stop --purge')} removes them too`);
  }
  return 0;
}
