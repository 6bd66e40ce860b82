import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { Filesystem } from '@virtmesh/contracts/domain/v1/filesystem';
import { IdMapMode } from '@virtmesh/contracts/domain/v1/container';
import { type ConfigLine, lines } from './config-line.ts';
import { type MountEntry, renderMountEntry } from './mount-entry.ts';

/** Where the tree of each file system is on the node, by its id: true paths, or where the node has mounted it. */
export type FilesystemSources = ReadonlyMap<string, string>;

/** The container's root, and what is mounted in it, outer ones first. */
export function filesystemLines(spec: DomainSpec, sources: FilesystemSources, deviceMounts: readonly MountEntry[]): ConfigLine[] {
  const root = spec.filesystems.find(({ target }) => target === '/');
  const options = [...(root?.readOnly ? ['ro'] : []), ...translation(spec)];
  return [
    ...lines({
      'lxc.rootfs.path': `dir:${(root && sources.get(root.id)) ?? ''}`,
      'lxc.rootfs.options': options.length > 0 ? options.join(',') : undefined,
    }),
    ...[...inner(spec).map((filesystem) => entryOf(spec, filesystem, sources)), ...deviceMounts].map((entry) => ({
      key: 'lxc.mount.entry',
      value: renderMountEntry(entry),
    })),
  ];
}

/** All but the root; one that lies in another comes after it. */
const inner = (spec: DomainSpec): Filesystem[] =>
  spec.filesystems.filter(({ target }) => target !== '/').toSorted((a, b) => a.target.split('/').length - b.target.split('/').length);

function entryOf(spec: DomainSpec, { id, source, target, readOnly }: Filesystem, sources: FilesystemSources): MountEntry {
  const ro = readOnly ? ['ro'] : [];
  if (source?.$case === 'ram')
    return { source: 'tmpfs', target, type: 'tmpfs', options: [`size=${source.value.sizeBytes}`, 'mode=0755', 'create=dir', ...ro] };
  return { source: sources.get(id) ?? '', target, type: 'none', options: ['rbind', 'create=dir', ...ro, ...translation(spec)] };
}

/** Mounts that translate the owners of files, where the container's users are other ones on the node. */
const translation = ({ container }: DomainSpec): string[] =>
  container?.idMap && container.idMap.mode !== IdMapMode.OWNED ? ['idmap=container'] : [];
