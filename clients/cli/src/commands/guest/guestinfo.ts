import { formatBytes } from '@virtmesh/base';
import { DomainGuestInfo, type GuestFilesystem, type GuestTimezone, type GuestUser } from '@virtmesh/contracts/domain/v1/guest';
import { getGuestInfo } from '../../guest/info.ts';
import type { Invocation } from '../../invocation.ts';
import { type Column, type Paint, renderFields, renderTable } from '../../output/table.ts';
import { moment } from '../../output/time.ts';

function zone({ name, offsetSeconds }: GuestTimezone): string {
  const minutes = Math.trunc(Math.abs(offsetSeconds) / 60);
  const two = (number: number): string => String(number).padStart(2, '0');
  return `${name}${name === '' ? '' : ', '}UTC${offsetSeconds < 0 ? '-' : '+'}${two(Math.trunc(minutes / 60))}:${two(minutes % 60)}`;
}

const users: readonly Column<GuestUser>[] = [
  { header: 'USER', cell: ({ name, domain }) => (domain === '' ? name : `${domain}\\${name}`) },
  { header: 'SINCE', cell: ({ loginTimeMs }) => (loginTimeMs > 0n ? moment(new Date(Number(loginTimeMs))) : '') },
];

const size = (bytes: bigint): string => (bytes > 0n ? formatBytes(bytes) : '');
const filesystems: readonly Column<GuestFilesystem>[] = [
  { header: 'MOUNTED ON', cell: ({ mountPoint }) => mountPoint },
  { header: 'DEVICE', cell: ({ device }) => device },
  { header: 'TYPE', cell: ({ type }) => type },
  { header: 'SIZE', align: 'right', cell: ({ totalBytes }) => size(totalBytes) },
  { header: 'USED', align: 'right', cell: ({ usedBytes }) => size(usedBytes) },
  { header: 'DISKS', cell: ({ disks }) => disks.join(', ') },
];

/** The parts that were asked for, or all: what is one value each, then the tables. */
function parts(info: DomainGuestInfo, wanted: (part: string) => boolean, paint: Paint): string[] {
  const { os } = info;
  const fields = renderFields(
    [
      ...(wanted('hostname') ? ([['Host name', info.hostname]] as const) : []),
      ...(wanted('os')
        ? ([
            ['System', os?.prettyName || os?.name],
            ['System id', [os?.id, os?.versionId].filter(Boolean).join(' ')],
            ['Kernel', os?.kernelRelease],
            ['Kernel version', os?.kernelVersion],
            ['Machine', os?.machine],
          ] as const)
        : []),
      ...(wanted('timezone') ? ([['Time zone', info.timezone ? zone(info.timezone) : undefined]] as const) : []),
      ...(wanted('agent') ? ([['Guest agent', info.agentVersion]] as const) : []),
    ],
    paint,
  );
  return [
    fields,
    wanted('user') && info.users.length > 0 ? renderTable(users, info.users, { paint }) : '',
    wanted('filesystem') && info.filesystems.length > 0 ? renderTable(filesystems, info.filesystems, { paint }) : '',
  ].filter((part) => part !== '');
}

export async function run(invocation: Invocation): Promise<void> {
  const info = await getGuestInfo(invocation);
  const asked = ['os', 'hostname', 'timezone', 'user', 'filesystem'].filter((part) => invocation.flag(part));
  const wanted = (part: string): boolean => asked.length === 0 || asked.includes(part);
  await invocation.show({
    text: ({ paint }) => parts(info, wanted, paint).join('\n'),
    json: () => DomainGuestInfo.toJSON(info),
    names: () => [info.hostname].filter(Boolean),
  });
}
