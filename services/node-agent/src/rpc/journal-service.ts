import type { Clock } from '@virtmesh/base';
import { Fault } from '@virtmesh/base';
import {
  type JournalMark,
  JournalServiceService,
  type ReadJournalRequest,
  ReadJournalResponse,
} from '@virtmesh/contracts/agent/v1/journal_service';
import { DomainEvent } from '@virtmesh/contracts/domain/v1/domain_event';
import { NodeEvent } from '@virtmesh/contracts/node/v1/node_event';
import { defineService, encodeField, type ServiceBinding } from '@virtmesh/kit';
import type { JournalRow, Store } from '@virtmesh/store';
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
    if (request.after < 0n) throw refused('after', 'must not be negative');
    if (request.epoch === '' && request.after > journal.last)
      throw refused('after', `is ahead of the journal, whose last number is ${journal.last}`);
    const marks = [{ epoch: request.epoch, number: request.after, time: undefined }, ...request.known];
    if (marks.some((mark) => mark.epoch === journal.epoch && lacks(mark))) store.beginEpoch();
    const known = request.epoch === '' || request.epoch === journal.epoch;
    let seen = known ? Number(request.after) : 0;
    const kept = journal.trimmedUpTo(kind);
    if (!known)
      yield gap(journal.epoch, 0, 0, `the node has a new store, or an older copy of it; its journal has the epoch ${journal.epoch}`);
    if (seen < kept) {
      yield gap(journal.epoch, seen + 1, kept, 'trimmed before it was read');
      seen = kept;
    }
    for await (const entry of withTicks(journal.read({ after: seen, follow: request.follow, kind }, signal), heartbeatMs)) {
      if (entry === undefined) {
        yield response(journal.epoch, seen, { $case: 'heartbeat', value: clock.now() });
        continue;
      }
      seen = entry.number;
      yield Buffer.concat([response(journal.epoch, seen), encodeField(eventFields[entry.kind as JournalKind], [entry.body])]);
    }
  }

  /** Whether the journal never gave its number to the entry that a reader knows: its store is an older copy of the one that did. */
  function lacks({ number, time }: JournalMark): boolean {
    if (number > journal.last) return true;
    const [entry] = store.journal.read({ after: Number(number) - 1, limit: 1 });
    if (time === undefined || entry?.number !== Number(number)) return false;
    return timeOf(entry)?.getTime() !== time.getTime();
  }
}

const timeOf = ({ body, kind }: JournalRow): Date | undefined => (kind === 'domain' ? DomainEvent : NodeEvent).decode(body).context?.time;

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
