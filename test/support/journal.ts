import { JournalServiceService, ReadJournalRequest, type ReadJournalResponse } from '@virtmesh/contracts/agent/v1/journal_service';
import type { EventContext } from '@virtmesh/contracts/event/v1/event';
import type { EventKind } from '@virtmesh/events';
import { createClient, openChannel } from '@virtmesh/kit/client';
import type { EventTape } from './event-tape.ts';

/** An agent's whole journal, as services read it. */
export async function readJournal(agentSocket: string): Promise<ReadJournalResponse[]> {
  const channel = openChannel(`unix:${agentSocket}`);
  try {
    const journal = createClient(JournalServiceService, channel);
    const entries: ReadJournalResponse[] = [];
    for await (const entry of journal.readJournal(ReadJournalRequest.fromPartial({}), { timeoutMs: 30_000 }))
      if (entry.item?.$case !== 'heartbeat') entries.push(entry);
    return entries;
  } finally {
    channel.close();
  }
}

/** The numbers that a journal lacks, and what in it is a gap. */
export function holesOf(journal: readonly ReadJournalResponse[]): string[] {
  return journal.flatMap(({ item, number }, index) => {
    if (item?.$case === 'gap') return [`a gap of ${item.value.first} to ${item.value.last}: ${item.value.reason}`];
    return number === BigInt(index + 1) ? [] : [`the entry ${number} stands in the place of ${index + 1}`];
  });
}

/** Waits until the stream has come to the end of the journal, then answers where the two differ: it should have each entry once, in order. */
export async function differences(journal: readonly ReadJournalResponse[], tape: EventTape): Promise<string[]> {
  const different: string[] = [];
  for (const kind of ['domain', 'node'] satisfies EventKind[]) {
    const wanted = journal.flatMap(({ item }) => (item?.$case === kind ? [idOf(item.value.context)] : []));
    const had = (): string[] => tape.events.filter((event) => event.kind === kind).map(({ event }) => event.id);
    await tape.until(
      `all ${wanted.length} events of kind ${kind}`,
      () => had().length >= wanted.length && wanted.slice(-1).every((last) => had().includes(last)),
      60_000,
    );
    const got = had();
    for (let index = 0; index < Math.max(wanted.length, got.length); index += 1) {
      if (wanted[index] === got[index]) continue;
      different.push(`${kind} event ${index}: the journal has ${wanted[index]}, the stream ${got[index]}`);
      break;
    }
  }
  return different;
}

const idOf = (context: EventContext | undefined): string => context?.id ?? '';
