import type { Clock } from '@virtmesh/base';
import { Fault } from '@virtmesh/base';
import { JournalServiceService, type ReadJournalRequest, ReadJournalResponse } from '@virtmesh/contracts/agent/v1/journal_service';
import { defineService, encodeField, type ServiceBinding } from '@virtmesh/kit';
import type { Store } from '@virtmesh/store';
import type { JournalKind, NodeJournal } from '../journal.ts';
import { withTicks } from './watch.ts';

const heartbeatMs = 5_000;
/** Of ReadJournalResponse, by the kind of the event: the journal has it encoded. */
const eventFields: Readonly<Record<JournalKind, number>> = { domain: 3, node: 4 };
const kinds: readonly string[] = ['', 'domain', 'node'] satisfies (JournalKind | '')[];

/** The journal for the services of the control plane: they index and relay it. */
export function journalService(journal: NodeJournal, store: Store, clock: Clock): ServiceBinding {
  return defineService(
    { ...JournalServiceService, readJournal: { ...JournalServiceService.readJournal, responseSerialize: (encoded: Buffer) => encoded } },
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

  async function* read(request: ReadJournalRequest, signal: AbortSignal): AsyncIterable<Buffer> {
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
        yield response(epoch, seen, { $case: 'heartbeat', value: clock.now() });
        continue;
      }
      seen = entry.number;
      yield Buffer.concat([response(epoch, seen), encodeField(eventFields[entry.kind as JournalKind], [entry.body])]);
    }
  }
}

const response = (epoch: string, number: number, item?: ReadJournalResponse['item']): Buffer =>
  Buffer.from(ReadJournalResponse.encode({ epoch, number: BigInt(number), item }).finish());

const gap = (epoch: string, first: number, last: number, reason: string): Buffer =>
  response(epoch, last, { $case: 'gap', value: { first: BigInt(first), last: BigInt(last), reason } });

function kindOf(kind: string): JournalKind | undefined {
  if (kinds.includes(kind)) return kind === '' ? undefined : (kind as JournalKind);
  throw refused('kind', 'must be domain, node, or empty for all');
}

const refused = (field: string, description: string): Fault =>
  Fault.ofViolations('REQUEST_INVALID', 'the request is not valid', [{ field, description }]);
