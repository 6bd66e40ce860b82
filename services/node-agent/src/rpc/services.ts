import type { ServiceBinding } from '@virtmesh/kit';
import { type Operations, operationService } from '@virtmesh/operations';
import type { Store } from '@virtmesh/store';
import type { ConsoleHub } from '../domains/console.ts';
import type { Engine } from '../domains/engine.ts';
import type { NodeJournal } from '../journal.ts';
import type { NodeView } from '../nodes/node-view.ts';
import { domainService } from './domain-service.ts';
import { journalService } from './journal-service.ts';
import { nodeService } from './node-service.ts';

/** What the services are made of. */
export interface ServedParts {
  readonly consoles: ConsoleHub;
  readonly engine: Engine;
  readonly journal: NodeJournal;
  readonly operations: Operations;
  readonly store: Store;
  readonly view: NodeView;
}

/** All that the agent serves. */
export function agentServices({ consoles, engine, journal, operations, store, view }: ServedParts): readonly ServiceBinding[] {
  const { clock, node, registry } = engine.parts;
  return [
    domainService(engine, journal, consoles),
    nodeService(view, registry, journal, node, clock),
    operationService(operations),
    journalService(journal, store, clock),
  ];
}
