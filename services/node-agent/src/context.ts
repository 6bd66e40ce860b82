import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { type Clock, KeyedQueue } from '@virtmesh/base';
import type { Host } from '@virtmesh/driver-spi';
import type { Failpoints, Logger } from '@virtmesh/kit';
import { Operations } from '@virtmesh/operations';
import type { Store } from '@virtmesh/store';
import { operationPort } from './adapters/operation-port.ts';
import { keepRegistered } from './adapters/registration.ts';
import type { AgentConfig } from './config.ts';
import { ConsoleHub } from './domains/console.ts';
import type { Drivers } from './domains/drivers.ts';
import { Engine, type EngineParts } from './domains/engine.ts';
import { GuestFiles } from './domains/files/guest-files.ts';
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
  readonly startTime: Date;
}

export interface AgentParts {
  /** The node's id. */
  readonly node: string;
  readonly log: Logger;
  readonly clock: Clock;
  readonly store: Store;
  readonly host: Pick<Host, 'info'>;
  readonly drivers: Drivers;
  readonly failpoints: Failpoints;
  /** The directories below which callers may name files, and the agent's own. */
  readonly directories: { readonly roots: readonly string[]; readonly stateDir: string };
  /** Aborted when the agent ends. */
  readonly stopping: AbortSignal;
}

export function agentContext(given: AgentParts): AgentContext {
  const { clock, directories, drivers, failpoints, host, log, node, stopping, store } = given;
  const journal = new NodeJournal({ store, clock, node });
  const registry = new DomainRegistry({ store, journal, clock, node });
  const operations = new Operations({ node, port: operationPort(store), clock, log });
  const files = new GuestFiles(directories);
  const parts: EngineParts = {
    node,
    registry,
    store,
    drivers,
    files,
    operations,
    queue: new KeyedQueue(),
    clock,
    log,
    failpoints,
    stopping,
  };
  const engine = new Engine(parts, new Observer(parts));
  const startTime = clock.now();
  const view = new NodeView({ parts, host, journal, agentVersion, startTime });
  return { store, journal, engine, consoles: new ConsoleHub(engine), view, operations, startTime };
}

/** Another one after each boot of the host. */
export async function readBootId(): Promise<string> {
  try {
    return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
  } catch {
    // Without one every start of the agent counts as a boot: a guest too many is started rather than one too few.
    return randomUUID();
  }
}

/** Keeps this node in the registry of NATS, where the configuration has one. */
export function keepRegistration(
  config: AgentConfig,
  addresses: readonly string[],
  { startTime, store }: AgentContext,
  log: Logger,
): AsyncDisposable | undefined {
  if (config.nats === undefined) return undefined;
  // The port that was really taken, where any free one was asked for.
  const listening = addresses.find((address) => address.startsWith('tls://'))?.slice('tls://'.length);
  const tls = config.tls && (config.tls.advertise ?? listening);
  const reached = tls ? [tls] : [`unix:${config.sockets.path}`];
  return keepRegistered(config.nats, { node: config.node, nodeUid: store.nodeUid, addresses: reached, agentVersion, startTime }, log);
}
