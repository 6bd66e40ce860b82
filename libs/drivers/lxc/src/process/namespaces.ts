import { Fault } from '@virtmesh/base';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { NamespaceSource } from '@virtmesh/contracts/domain/v1/container';
import type { NamespacePaths } from '../config/container.ts';
import type { DriverContext } from '../context.ts';

/** Where the namespaces are that a definition shares with others. */
export async function findNamespaces(context: DriverContext, { container }: DomainSpec): Promise<NamespacePaths> {
  const { network, ipc, uts } = container?.namespaces ?? {};
  const [networkPath, ipcPath, utsPath] = await Promise.all([
    pathOf(context, network, 'net', 'network'),
    pathOf(context, ipc, 'ipc', 'ipc'),
    pathOf(context, uts, 'uts', 'uts'),
  ]);
  return {
    ...(networkPath === undefined ? {} : { network: networkPath }),
    ...(ipcPath === undefined ? {} : { ipc: ipcPath }),
    ...(utsPath === undefined ? {} : { uts: utsPath }),
  };
}

async function pathOf(
  { host, guests }: DriverContext,
  shared: NamespaceSource | undefined,
  kind: string,
  name: string,
): Promise<string | undefined> {
  if (!shared?.source) return undefined;
  const field = `spec.container.namespaces.${name}.${shared.source.$case}`;
  if (shared.source.$case === 'domain') {
    const init = guests.byId(shared.source.value)?.init;
    if (init) return `/proc/${init.pid}/ns/${kind}`;
    throw new Fault('HOST_INCOMPATIBLE', `${field}: the container ${shared.source.value} does not run on this node; start it first`, {
      field,
      domain: shared.source.value,
    });
  }
  const path = `/run/netns/${shared.source.value}`;
  if (await host.files.stat(path)) return path;
  throw new Fault(
    'HOST_INCOMPATIBLE',
    `${field}: the node has no network namespace ${shared.source.value}; make it by: ip netns add ${shared.source.value}`,
    {
      field,
      path,
    },
  );
}
