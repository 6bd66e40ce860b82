import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { type ConfigLine, lines } from './config-line.ts';

/** What the init of a container gets unless its definition gives another. LXC adds `container=lxc`. */
export const defaultEnvironment: Readonly<Record<string, string>> = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
};

/** The init: its user, where it begins, and its environment. Its path and arguments are no part of the configuration. */
export function initLines({ container }: DomainSpec): ConfigLine[] {
  const init = container?.init;
  const environment = Object.entries({ ...defaultEnvironment, ...init?.environment });
  return [
    ...lines({
      'lxc.init.uid': init?.uid || undefined,
      'lxc.init.gid': init?.gid || undefined,
      'lxc.init.cwd': init?.workingDirectory || undefined,
    }),
    ...environment.map(([name, value]) => ({ key: 'lxc.environment', value: `${name}=${value}` })),
  ];
}

/** Program and arguments of the init, which LXC takes from its own command line, each as it is. */
export const initCommand = ({ container }: DomainSpec): readonly string[] => [
  container?.init?.path || '/sbin/init',
  ...(container?.init?.args ?? []),
];

/** The users and groups of the node that the container's are. */
export function idMapLines({ container }: DomainSpec): ConfigLine[] {
  const { uids = [], gids = [] } = container?.idMap ?? {};
  const one = (kind: 'u' | 'g') => (range: { start: bigint; target: bigint; count: bigint }) => ({
    key: 'lxc.idmap',
    value: `${kind} ${range.start} ${range.target} ${range.count}`,
  });
  return [...uids.map(one('u')), ...gids.map(one('g'))];
}

/** The paths of namespaces that others made. */
export interface NamespacePaths {
  readonly network?: string;
  readonly ipc?: string;
  readonly uts?: string;
}

/** The namespaces of the container that are not its own, and its host name. */
export const namespaceLines = (hostname: string, { network, ipc, uts }: NamespacePaths): ConfigLine[] =>
  lines({
    'lxc.namespace.share.net': network,
    'lxc.namespace.share.ipc': ipc,
    'lxc.namespace.share.uts': uts,
    'lxc.uts.name': uts === undefined ? hostname : undefined,
  });
