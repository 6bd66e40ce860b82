import type { Clock } from '@virtmesh/base';
import { Fault } from '@virtmesh/base';
import { DomainEvent } from '@virtmesh/contracts/domain/v1/domain_event';
import { NodeEvent } from '@virtmesh/contracts/node/v1/node_event';
import { JournalServiceService, type ReadJournalRequest, type ReadJournalResponse } from '@virtmesh/contracts/agent/v1/journal_service';
import { defineService, type ServiceBinding } from '@virtmesh/kit';
import type { Store } from '@virtmesh/store';
import type { JournalKind, NodeJournal } from '../journal.ts';
import { withTicks } from './watch.ts';

const heartbeatMs = 5_000;
const kinds: readonly string[] = ['', 'domain', 'node'] satisfies (JournalKind | '')[];

/** The journal for the services of the control plane: they index and relay it. */
export function journalService(journal: NodeJournal, store: Store, clock: Clock): ServiceBinding {
  return defineService(
    JournalServiceService,
    {
      readJournal: (request, context) => read(request, context.signal),
      confirmJournal: (request) => {
        const kind = kindOf(request.kind);
        if (kind === undefined) throw refused('kind', 'is required: domain or node');
        if (request.number < 0n) throw refused('number', 'must be a number of the journal');
        // What belonged to an earlier store says nothing of this one.
        if (request.epoch === journal.epoch) store.journal.confirm(kind, Math.min(Number(request.number), journal.last));
        return {};
      },
    },
    { readJournal: 'viewer', confirmJournal: 'operator' },
    { audience: 'services' },
  );

  async function* read(request: ReadJournalRequest, signal: AbortSignal): AsyncIterable<ReadJournalResponse> {
    const kind = kindOf(request.kind);
    const { epoch } = journal;
    const known = request.epoch === '' || request.epoch === epoch;
    if (request.after < 0n) throw refused('after', 'must not be negative');
    let seen = known ? Number(request.after) : 0;
    const kept = journal.trimmedUpTo(kind);
    if (!known) yield gap(epoch, 0, 0, `the node has a new store; its journal has the epoch ${epoch}`);
    if (seen > journal.last) throw refused('after', `is ahead of the journal, whose last number is ${journal.last}`);
    if (seen < kept) {
      yield gap(epoch, seen + 1, kept, 'trimmed before it was read');
      seen = kept;
    }
    for await (const entry of withTicks(journal.read({ after: seen, follow: request.follow, kind }, signal), heartbeatMs)) {
      if (entry === undefined) {
        yield { epoch, number: BigInt(seen), item: { $case: 'heartbeat', value: clock.now() } };
        continue;
      }
      seen = entry.number;
      const item: ReadJournalResponse['item'] =
        entry.kind === 'node'
          ? { $case: 'node', value: NodeEvent.decode(entry.body) }
          : { $case: 'domain', value: DomainEvent.decode(entry.body) };
      yield { epoch, number: BigInt(entry.number), item };
    }
  }
}

const gap = (epoch: string, first: number, last: number, reason: string): ReadJournalResponse => ({
  epoch,
  number: BigInt(last),
  item: { $case: 'gap', value: { first: BigInt(first), last: BigInt(last), reason } },
});

function kindOf(kind: string): JournalKind | undefined {
  if (kinds.includes(kind)) return kind === '' ? undefined : (kind as JournalKind);
  throw refused('kind', 'must be domain, node, or empty for all');
}

const refused = (field: string, description: string): Fault =>
  Fault.ofViolations('REQUEST_INVALID', 'the request is not valid', [{ field, description }]);
