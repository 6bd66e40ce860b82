import type { ServiceBinding } from '@virtmesh/kit';
import { operationService } from '@virtmesh/operations';
import type { AgentContext } from '../context.ts';
import { domainService } from './domain-service.ts';
import { journalService } from './journal-service.ts';
import { nodeService } from './node-service.ts';

/** All that the agent serves. */
export function agentServices({ consoles, engine, journal, operations, store, view }: AgentContext): readonly ServiceBinding[] {
  const { clock, node, registry } = engine.parts;
  return [
    domainService(engine, journal, consoles),
    nodeService(view, registry, journal, node, clock),
    operationService(operations),
    journalService(journal, store, clock),
  ];
}
