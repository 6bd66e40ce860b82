import { agentInboxPrefix, EventBus, NodeRegistry } from '@virtmesh/events';
import type { Logger } from '@virtmesh/kit';
import type { AgentConfig } from '../config.ts';

export interface Registration {
  readonly node: string;
  readonly nodeUid: string;
  readonly addresses: readonly string[];
  readonly agentVersion: string;
  readonly startTime: Date;
}

/** Says in NATS where this node is found, for as long as the agent lives. Without NATS the agent works all the same. */
export function keepRegistered(config: NonNullable<AgentConfig['nats']>, registration: Registration, log: Logger): AsyncDisposable {
  const { servers, ca, cert, key, user, password } = config;
  const bus = EventBus.open({
    servers,
    name: `node-agent ${registration.node}`,
    // What an agent's NATS user may receive on.
    inboxPrefix: agentInboxPrefix(registration.node),
    log,
    ...(ca ? { tls: { caFile: ca, ...(cert ? { certFile: cert } : {}), ...(key ? { keyFile: key } : {}) } } : {}),
    ...(user ? { user } : {}),
    ...(password ? { password } : {}),
  });
  const stop = new AbortController();
  const kept = new NodeRegistry({ bus, log, agent: true }).keepRegistered(registration, stop.signal);
  return {
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await kept;
      await bus[Symbol.asyncDispose]();
    },
  };
}
