import { Fault } from '@virtmesh/base';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { Filesystem } from '@virtmesh/contracts/domain/v1/filesystem';
import type { FileKind, Host } from '@virtmesh/driver-spi';
import { join } from 'node:path';
import type { DriverContext } from '../context.ts';
import type { GuestPlaces } from './places.ts';
import { symlinkOnTheWay } from './rootfs.ts';

/** Brings each file system of a definition to where LXC can take it from, and answers where that is. */
export async function prepareFilesystems(
  context: Pick<DriverContext, 'host' | 'pathRoots'>,
  spec: DomainSpec,
  places: GuestPlaces,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const sources = new Map<string, string>();
  for (const [index, filesystem] of spec.filesystems.entries()) {
    const source = await prepareFilesystem(context, filesystem, `spec.filesystems[${index}]`, places, signal);
    if (source !== undefined) sources.set(filesystem.id, source);
  }
  const rootIndex = spec.filesystems.findIndex(({ target }) => target === '/');
  const root = sources.get(spec.filesystems[rootIndex]?.id ?? '') ?? '';
  await Promise.all([
    ...kernelOwn.map((place) => requireOwnPlace(context.host, root, place, `spec.filesystems[${rootIndex}]`)),
    ...spec.filesystems.map(({ target }, index) =>
      requirePlainTarget(context.host, { spec, sources }, target, `spec.filesystems[${index}].target`),
    ),
  ]);
  return sources;
}

/** Where LXC mounts what is the container's own. */
const kernelOwn = ['/dev', '/proc', '/sys'];

/** One file system; undefined for one in memory, which LXC mounts by itself. */
export async function prepareFilesystem(
  context: Pick<DriverContext, 'host' | 'pathRoots'>,
  filesystem: Filesystem,
  field: string,
  places: GuestPlaces,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { id, source, readOnly, type, scratch } = filesystem;
  switch (source?.$case) {
    case 'directoryPath': {
      const path = await truePath(context, source.value, 'directory', `${field}.directory_path`);
      return scratch ? overlay(context.host, path, id, places, signal) : path;
    }
    case 'imagePath':
      return mountDisk(
        context.host,
        {
          source: await truePath(context, source.value, 'file', `${field}.image_path`),
          options: ['loop'],
          type,
          readOnly,
          field: `${field}.image_path`,
        },
        places.mount(id),
        signal,
      );
    case 'devicePath':
      await requireKind(context.host, source.value, 'block', `${field}.device_path`);
      return mountDisk(
        context.host,
        { source: source.value, options: [], type, readOnly, field: `${field}.device_path` },
        places.mount(id),
        signal,
      );
    case 'ram':
    case undefined:
      return undefined;
    default:
      return source satisfies never;
  }
}

interface DiskMount {
  readonly source: string;
  readonly options: readonly string[];
  readonly type: string;
  readonly readOnly: boolean;
  /** Where the definition names it. */
  readonly field: string;
}

async function mountDisk(
  host: Host,
  { source, options, type, readOnly, field }: DiskMount,
  target: string,
  signal: AbortSignal,
): Promise<string> {
  // A step can be repeated: what the last try mounted is there already.
  if ((await host.mounts.below(target)).length > 0) return target;
  await host.files.makeDirectory(target, { mode: 0o755 });
  // No device nodes: what a foreign file system says of those would be the node's own devices.
  const mount = { source, target, ...(type === '' ? {} : { type }), options: [...options, 'nodev', readOnly ? 'ro' : 'rw'] };
  try {
    await host.mounts.mount(mount, signal);
  } catch (thrown) {
    if (!Fault.is(thrown, 'COMMAND_FAILED')) throw thrown;
    const words = (thrown.metadata['stderr'] ?? '').trim();
    throw new Fault(
      'HOST_INCOMPATIBLE',
      `${field}: ${source} cannot be mounted${type === '' ? '' : ` as ${type}`}; make a file system in it, or name another: ${words}`,
      { field, path: source, words },
      { cause: thrown },
    );
  }
  return target;
}

/** The directory seen through a layer in memory, which takes all writes. */
async function overlay(host: Host, directory: string, id: string, places: GuestPlaces, signal: AbortSignal): Promise<string> {
  const [layer, target] = [places.scratch(id), places.mount(id)];
  if ((await host.mounts.below(target)).length > 0) return target;
  await Promise.all([layer, target].map((path) => host.files.makeDirectory(path, { mode: 0o700 })));
  await host.mounts.mount({ source: 'none', target: layer, type: 'tmpfs', options: ['mode=0700'] }, signal);
  const [lower, upper, work] = ['lower', 'upper', 'work'].map((name) => join(layer, name)) as [string, string, string];
  const stat = await host.files.stat(directory);
  const owner = { uid: stat?.uid ?? 0, gid: stat?.gid ?? 0 };
  await Promise.all([lower, upper, work].map((path) => host.files.makeDirectory(path, { mode: stat?.mode ?? 0o755, owner })));
  // Under a name without the commas and colons that would part the options of an overlay.
  await host.mounts.mount({ source: directory, target: lower, options: ['bind'] }, signal);
  await host.mounts.mount(
    { source: 'overlay', target, type: 'overlay', options: [`lowerdir=${lower}`, `upperdir=${upper}`, `workdir=${work}`] },
    signal,
  );
  return target;
}

/** Where a path of a definition leads, which must be below an allowed root too. */
export async function truePath(
  { host, pathRoots }: Pick<DriverContext, 'host' | 'pathRoots'>,
  path: string,
  kind: FileKind,
  field: string,
): Promise<string> {
  await requireKind(host, path, kind, field);
  await using file = await host.files.open(path);
  const { realPath } = file;
  if (!pathRoots.some((root) => realPath === root || realPath.startsWith(root.endsWith('/') ? root : `${root}/`)))
    throw new Fault(
      'SPEC_INVALID',
      `${field}: ${path} leads to ${realPath}, which is not below an allowed directory (${pathRoots.join(', ')}); move it there`,
      { field, path: realPath },
      { violations: [{ field, description: `leads to ${realPath}, which is not below an allowed directory; move it there` }] },
    );
  if ((await file.stat()).kind !== kind) throw wrongKind(field, path, kind);
  return realPath;
}

export async function requireKind(host: Host, path: string, kind: FileKind, field: string): Promise<void> {
  const stat = await host.files.stat(path);
  if (!stat) throw new Fault('HOST_INCOMPATIBLE', `${field}: the node has no ${path}; make it, or name another`, { field, path });
  if (stat.kind !== kind) throw wrongKind(field, path, kind);
}

const wrongKind = (field: string, path: string, kind: FileKind): Fault =>
  new Fault('HOST_INCOMPATIBLE', `${field}: ${path} is no ${words[kind]}; name one`, { field, path });

const words: Readonly<Record<FileKind, string>> = {
  file: 'file',
  directory: 'directory',
  symlink: 'symlink',
  socket: 'socket',
  fifo: 'FIFO',
  block: 'block device',
  character: 'character device',
};

/** Directories that are missing are made on the way to a target: a symlink in the container's files must not lead that elsewhere. */
async function requirePlainTarget(
  host: Host,
  { spec, sources }: { readonly spec: DomainSpec; readonly sources: ReadonlyMap<string, string> },
  target: string,
  field: string,
): Promise<void> {
  const around = innermostAround(spec, target);
  const tree = sources.get(around?.id ?? '');
  if (around === undefined || tree === undefined) return;
  const base = around.target === '/' ? '' : around.target;
  const link = await symlinkOnTheWay(host, tree, target.slice(base.length));
  if (link === undefined) return;
  throw new Fault(
    'HOST_INCOMPATIBLE',
    `${field}: ${base}${link} is a symlink in the container, and mounts follow none; name the path that it leads to`,
    { field, path: `${base}${link}` },
  );
}

/** The file system in which the place of another lies. */
const innermostAround = ({ filesystems }: DomainSpec, place: string): Filesystem | undefined =>
  filesystems
    .filter(({ target }) => place !== target && place.startsWith(target === '/' ? '/' : `${target}/`))
    .toSorted((a, b) => b.target.length - a.target.length)[0];

/** LXC mounts by these paths in the root, and devices are given by them. */
async function requireOwnPlace(host: Host, root: string, place: string, field: string): Promise<void> {
  if ((await host.files.readLink(join(root, place))) === undefined) return;
  throw new Fault(
    'HOST_INCOMPATIBLE',
    `${field}: ${place} is a symlink in the container's root, and mounts follow none; make it a directory`,
    { field, path: place },
  );
}
