import { Fault, sleep } from '@virtmesh/base';
import type { Domain } from '@virtmesh/contracts/domain/v1/domain';
import type { DomainEvent } from '@virtmesh/contracts/domain/v1/domain_event';
import {
  type DomainServiceService,
  DomainView,
  ListDomainsRequest,
  WatchDomainsRequest,
  type WatchDomainsResponse,
} from '@virtmesh/contracts/domain/v1/domain_service';
import type { Gap } from '@virtmesh/contracts/event/v1/event';
import type { Client } from '@virtmesh/kit/client';
import { follow } from './follow.ts';

export interface WatchDomainsOptions {
  /** `nodes/{node}`; all nodes if left out. */
  readonly parent?: string;
  /** Only events of this domain. */
  readonly uid?: string;
  /** Goes on after this token, of an earlier list or watch. */
  readonly resumeToken?: string;
  /** Whether the domains are listed at the beginning, if there is no token, and wherever events were lost; true if left out. */
  readonly list?: boolean;
  /** How much of each listed domain is read. */
  readonly view?: DomainView;
  /** Told of each lost connection, which is made anew. */
  readonly onRetry?: (fault: Fault, attempt: number) => void;
}

/** What a watch tells. Each part's token takes up after it. */
export type DomainChange =
  /** All domains as they are now: what was known before is void. */
  | { readonly $case: 'listed'; readonly domains: readonly Domain[]; readonly unreachable: readonly string[]; readonly resumeToken: string }
  | { readonly $case: 'event'; readonly event: DomainEvent; readonly resumeToken: string }
  /** Nothing happened until now. */
  | { readonly $case: 'bookmark'; readonly time: Date | undefined; readonly resumeToken: string }
  /** Events were lost; with `list`, what there is now follows. */
  | { readonly $case: 'gap'; readonly gap: Gap | undefined; readonly reason: string; readonly resumeToken: string };

/** Three times the longest pause that the contract allows a watch. */
const silenceMs = 45_000;

/**
 * Follows domains without a hole: lists, watches from the list's token on, and resumes after every lost connection.
 * Where the server no longer has the events, it says so and lists again. Ends with the signal.
 */
export async function* watchDomains(
  domains: Client<typeof DomainServiceService>,
  options: WatchDomainsOptions,
  signal: AbortSignal,
): AsyncGenerator<DomainChange> {
  const list = options.list ?? true;
  let token = options.resumeToken ?? '';
  let relist = list && token === '';
  const following = { signal, silenceMs, ...(options.onRetry === undefined ? {} : { onRetry: options.onRetry }) };
  while (!signal.aborted) {
    if (relist) {
      for await (const listed of follow((ending) => once(listAll(domains, options, ending)), following)) {
        token = listed.resumeToken;
        yield listed;
      }
      if (signal.aborted) return;
      relist = false;
    }
    try {
      for await (const message of follow(
        (ending) =>
          domains.watchDomains(WatchDomainsRequest.fromPartial({ parent: parentOf(options), uid: options.uid ?? '', resumeToken: token }), {
            signal: ending,
          }),
        following,
      )) {
        token = message.resumeToken;
        const change = changeOf(message);
        if (change !== undefined) yield change;
        if (change?.$case === 'gap' && list) {
          relist = true;
          break;
        }
      }
      // A server that ends a watch without a word is leaving; the next attempt takes up at the token.
      if (!relist) await sleep(100, signal).catch(() => undefined);
    } catch (thrown) {
      if (!Fault.is(thrown, 'JOURNAL_TRIMMED')) throw thrown;
      token = '';
      relist = list;
      yield { $case: 'gap', gap: undefined, reason: thrown.message, resumeToken: token };
    }
  }
}

const parentOf = (options: WatchDomainsOptions): string => options.parent ?? 'nodes/-';

/** All pages. The first one's token is the one that misses nothing: what changes while the others are read comes again. */
async function listAll(
  domains: Client<typeof DomainServiceService>,
  options: WatchDomainsOptions,
  signal: AbortSignal,
): Promise<Extract<DomainChange, { $case: 'listed' }>> {
  const found: Domain[] = [];
  const unreachable = new Set<string>();
  let resumeToken: string | undefined;
  let pageToken = '';
  do {
    const page = await domains.listDomains(
      ListDomainsRequest.fromPartial({ parent: parentOf(options), pageSize: 1000, pageToken, view: options.view ?? DomainView.BASIC }),
      { signal },
    );
    found.push(...page.domains.filter((domain) => options.uid === undefined || domain.uid === options.uid));
    for (const node of page.unreachable) unreachable.add(node);
    resumeToken ??= page.resumeToken;
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  return { $case: 'listed', domains: found, unreachable: [...unreachable], resumeToken };
}

async function* once<T>(promise: Promise<T>): AsyncGenerator<T> {
  yield await promise;
}

function changeOf({ item, resumeToken }: WatchDomainsResponse): DomainChange | undefined {
  switch (item?.$case) {
    case 'event':
      return { $case: 'event', event: item.value, resumeToken };
    case 'bookmark':
      return { $case: 'bookmark', time: item.value.time, resumeToken };
    case 'gap':
      return { $case: 'gap', gap: item.value, reason: item.value.reason, resumeToken };
    case undefined:
      return undefined;
    default:
      return item satisfies never;
  }
}
