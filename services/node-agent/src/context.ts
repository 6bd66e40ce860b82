import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { systemClock } from '@virtmesh/base';
import type { Host } from '@virtmesh/driver-spi';
import { Failpoints, type Logger } from '@virtmesh/kit';
import { Operations } from '@virtmesh/operations';
import { Store } from '@virtmesh/store';
import { operationPort } from './adapters/operation-port.ts';
import type { AgentConfig } from './config.ts';
import { ConsoleHub } from './domains/console.ts';
import type { Drivers } from './domains/drivers.ts';
import { Engine } from './domains/engine.ts';
import { Observer } from './domains/observer.ts';
import { DomainRegistry } from './domains/registry.ts';
import { NodeJournal } from './journal.ts';
import { NodeView } from './nodes/node-view.ts';
import { agentVersion } from './version.ts';

/** The agent's parts, put together. */
export interface AgentContext {
  readonly store: Store;
  readonly journal: NodeJournal;
  readonly engine: Engine;
  readonly consoles: ConsoleHub;
  readonly view: NodeView;
  readonly operations: Operations;
  /** Another one after each boot of the host. */
  readonly bootId: string;
  readonly startTime: Date;
}

export interface AgentParts {
  readonly config: AgentConfig;
  readonly log: Logger;
  readonly store: Store;
  readonly host: Host;
  readonly drivers: Drivers;
}

export async function agentContext({ config, log, store, host, drivers }: AgentParts): Promise<AgentContext> {
  const clock = systemClock;
  const { node } = config;
  const journal = new NodeJournal({ store, clock, node });
  const registry = new DomainRegistry({ store, journal, clock, node });
  const operations = new Operations({ node, port: operationPort(store), clock, log });
  const failpoints = new Failpoints(process.env['VIRTMESH_FAILPOINTS']);
  const engine = new Engine({ node, registry, store, drivers, operations, clock, log, failpoints });
  engine.observer = new Observer(engine);
  const startTime = clock.now();
  return {
    store,
    journal,
    engine,
    consoles: new ConsoleHub(engine),
    view: new NodeView({ parts: engine.parts, host, journal, agentVersion, startTime }),
    operations,
    bootId: await bootId(),
    startTime,
  };
}

async function bootId(): Promise<string> {
  try {
    return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
  } catch {
    // Without one every start of the agent counts as a boot: a guest too many is started rather than one too few.
    return randomUUID();
  }
}
