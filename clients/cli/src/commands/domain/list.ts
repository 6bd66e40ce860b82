import { formatBytes } from '@virtmesh/base';
import { Domain, DomainState } from '@virtmesh/contracts/domain/v1/domain';
import { DomainView, ListDomainsRequest, type ListDomainsResponse } from '@virtmesh/contracts/domain/v1/domain_service';
import { nodeOf, shortName } from '../../domain-reference.ts';
import type { Invocation } from '../../invocation.ts';
import { oneLine } from '../../output/sanitise.ts';
import { isActive, stateCell } from '../../output/states.ts';
import { type Cell, type Column, renderTable } from '../../output/table.ts';
import { age } from '../../output/time.ts';
import { pages, pageSize } from '../../paging.ts';

const stateFlags: readonly (readonly [flag: string, includes: (state: DomainState | undefined) => boolean])[] = [
  ['stateRunning', (state) => state === DomainState.RUNNING || state === DomainState.BLOCKED],
  ['statePaused', (state) => state === DomainState.PAUSED],
  ['stateShutoff', (state) => state === DomainState.SHUTOFF],
  [
    'stateOther',
    (state) =>
      state !== DomainState.RUNNING && state !== DomainState.BLOCKED && state !== DomainState.PAUSED && state !== DomainState.SHUTOFF,
  ],
];

/** Which domains the options ask for, as virsh takes them: a state option alone asks for that state wherever it is. */
function selection(invocation: Invocation): (domain: Domain) => boolean {
  const states = stateFlags.filter(([flag]) => invocation.flag(flag)).map(([, includes]) => includes);
  const active = (domain: Domain): boolean => {
    if (invocation.flag('inactive')) return !isActive(domain);
    return invocation.flag('all') || states.length > 0 || isActive(domain);
  };
  const autostart = invocation.choice('autostart');
  const saved = invocation.flag('withManagedSave') ? true : invocation.flag('withoutManagedSave') ? false : undefined;
  return (domain) =>
    active(domain) &&
    (states.length === 0 || states.some((includes) => includes(domain.status?.state))) &&
    (!invocation.flag('persistent') || domain.persistent) &&
    (!invocation.flag('transient') || !domain.persistent) &&
    (autostart === undefined || domain.autostart === autostart) &&
    (saved === undefined || (domain.status?.managedSave ?? false) === saved);
}

function labels(invocation: Invocation): Record<string, string> {
  return Object.fromEntries(invocation.list('label').map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]));
}

/** The state; with `--managed-save` that a state is kept is told in its place, as in virsh. */
const stateOf = (domain: Domain, withSaved: boolean): Cell =>
  withSaved && domain.status?.managedSave && !isActive(domain) ? 'saved' : stateCell(domain.status?.state);

const columns = (now: number, shown: { readonly title: boolean; readonly saved: boolean }): readonly Column<Domain>[] => [
  { header: 'NAME', cell: (domain) => shortName(domain.name) },
  { header: 'NODE', cell: (domain) => nodeOf(domain.name) },
  { header: 'STATE', cell: (domain) => stateOf(domain, shown.saved) },
  { header: 'AGE', cell: (domain) => age(domain.createTime, now) },
  { header: 'UUID', wide: true, cell: (domain) => domain.uid },
  { header: 'HYPERVISOR', wide: true, cell: (domain) => [domain.hypervisor, domain.status?.accelerator].filter(Boolean).join('/') },
  { header: 'VCPUS', wide: true, align: 'right', cell: (domain) => (domain.status?.vcpus ? String(domain.status.vcpus) : '') },
  {
    header: 'MEMORY',
    wide: true,
    align: 'right',
    cell: (domain) => (domain.status?.memoryBytes ? formatBytes(domain.status.memoryBytes) : ''),
  },
  { header: 'KEPT', wide: true, cell: (domain) => (domain.persistent ? 'yes' : 'no') },
  { header: 'AUTOSTART', wide: true, cell: (domain) => (domain.autostart ? 'yes' : 'no') },
  { header: 'SAVED', wide: true, cell: (domain) => (domain.status?.managedSave ? 'yes' : 'no') },
  { header: 'TITLE', wide: !shown.title, cell: (domain) => domain.title },
];

export async function run(invocation: Invocation): Promise<void> {
  const connection = await invocation.connect();
  const whole = invocation.globals.output === 'json' || invocation.globals.output === 'yaml';
  const request = (pageToken: string): Promise<ListDomainsResponse> =>
    connection.domains.listDomains(
      ListDomainsRequest.fromPartial({
        parent: invocation.parent,
        pageSize,
        pageToken,
        view: whole ? DomainView.FULL : DomainView.BASIC,
        labels: labels(invocation),
      }),
      invocation.callOptions,
    );
  const wanted = selection(invocation);
  const domains: Domain[] = [];
  const stale = new Map<string, Date | undefined>();
  for await (const page of pages(request)) {
    domains.push(...page.domains.filter(wanted));
    for (const node of page.unreachable) stale.set(node, page.asOf[node]);
  }
  await show(invocation, domains);
  for (const [node, asOf] of stale)
    invocation.note(
      `${node} cannot be reached: its domains are as last known${asOf ? `, ${age(asOf, invocation.terminal.now())} ago` : ''}`,
    );
}

async function show(invocation: Invocation, domains: readonly Domain[]): Promise<void> {
  const parts = [
    invocation.flag('uuid') ? (domain: Domain): string => domain.uid : undefined,
    invocation.flag('name') ? (domain: Domain): string => shortName(domain.name) : undefined,
  ];
  const asked = parts.filter((part) => part !== undefined);
  await invocation.show({
    text: ({ wide, paint }) =>
      asked.length > 0
        ? domains.map((domain) => `${oneLine(asked.map((part) => part(domain)).join(' '))}\n`).join('')
        : renderTable(
            columns(invocation.terminal.now(), { title: invocation.flag('title'), saved: invocation.flag('managedSave') }),
            domains,
            { wide, paint },
          ),
    json: () => ({ domains: domains.map((domain) => Domain.toJSON(domain)) }),
    names: () => domains.map((domain) => domain.name),
  });
}
