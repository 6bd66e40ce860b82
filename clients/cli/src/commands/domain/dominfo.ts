import { formatBytes } from '@virtmesh/base';
import { ChannelKind } from '@virtmesh/contracts/domain/v1/channel';
import { Domain, DomainState } from '@virtmesh/contracts/domain/v1/domain';
import { DomainView } from '@virtmesh/contracts/domain/v1/domain_service';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { getDomain } from '../../domain/lookup.ts';
import { nodeOf, shortName } from '../../domain-reference.ts';
import type { Invocation } from '../../invocation.ts';
import { reasonWord, stateCell, stateWord } from '../../output/states.ts';
import { type Cell, renderFields } from '../../output/table.ts';
import { age, moment } from '../../output/time.ts';

const hasAgent = (spec: DomainSpec | undefined): boolean => spec?.channels.some(({ kind }) => kind === ChannelKind.GUEST_AGENT) ?? false;
/** A text of several lines on one. */
const inParts = (text: string): string => text.trim().replaceAll(/\s*\n\s*/g, '; ');
const yes = (value: boolean): string => (value ? 'yes' : 'no');

function state({ status }: Domain, now: number): Cell {
  const cell = stateCell(status?.state);
  const reason = reasonWord(status);
  const since = status?.stateTime ? `, for ${age(status.stateTime, now)}` : '';
  const text = `${stateWord(status?.state)}${reason ? ` (${reason})` : ''}${since}`;
  return typeof cell === 'string' ? text : { text, style: cell.style };
}

function facts(domain: Domain, now: number): readonly (readonly [string, Cell | undefined])[] {
  const { status } = domain;
  const spec = domain.activeSpec ?? domain.spec;
  const memory = spec?.memory;
  const largest = memory ? formatBytes(memory.sizeBytes) : undefined;
  return [
    ['Name', shortName(domain.name)],
    ['UUID', domain.uid],
    ['Node', nodeOf(domain.name)],
    ['Title', domain.title],
    ['State', state(domain, now)],
    ['Message', status && inParts(status.message)],
    ['Hypervisor', [domain.hypervisor, status?.accelerator].filter(Boolean).join(', ')],
    ['Machine', [spec?.arch, spec?.machine].filter(Boolean).join(', ')],
    ['CPU(s)', String(status?.vcpus || spec?.cpu?.vcpus || 1)],
    ['Max memory', largest],
    ['Used memory', status?.memoryBytes ? formatBytes(status.memoryBytes) : undefined],
    ['Process', status?.pid ? String(status.pid) : undefined],
    ['Guest agent', status?.pid && hasAgent(spec) ? (status.guestAgentConnected ? 'connected' : 'not connected') : undefined],
    ['Persistent', yes(domain.persistent)],
    ['Autostart', yes(domain.autostart)],
    ['Managed save', yes(status?.managedSave ?? false)],
    ['Starts', status?.startCount ? String(status.startCount) : undefined],
    ['Restart needed', status?.restartRequired ? 'yes, some of the definition waits for the next start' : undefined],
    ['Operation', status?.job],
    [
      'Labels',
      Object.entries(domain.labels)
        .map(([key, value]) => `${key}=${value}`)
        .join(', '),
    ],
    ['As of', status?.state === DomainState.UNKNOWN ? moment(domain.asOf) : undefined],
    ['Created', moment(domain.createTime)],
    ['Changed', moment(domain.updateTime)],
  ];
}

export async function run(invocation: Invocation): Promise<void> {
  const domain = await getDomain(invocation, DomainView.FULL);
  await invocation.show({
    text: ({ paint }) => renderFields(facts(domain, invocation.terminal.now()), paint),
    json: () => Domain.toJSON(domain),
    names: () => [domain.name],
  });
}
