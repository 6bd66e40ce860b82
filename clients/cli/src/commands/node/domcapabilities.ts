import { DomainCapabilities } from '@virtmesh/contracts/domain/v1/capabilities';
import { GetDomainCapabilitiesRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import type { Invocation } from '../../invocation.ts';
import { type Available, availabilityColumns } from '../../node/availability.ts';
import { chooseNode } from '../../node/choose-node.ts';
import { type Column, type Paint, renderFields, renderTable } from '../../output/table.ts';

const wideOnly = (rows: readonly string[], wide: boolean): string =>
  wide ? rows.join(', ') : `${rows.slice(0, 8).join(', ')}${rows.length > 8 ? `, … (${rows.length} in all; see -o wide)` : ''}`;

function text(capabilities: DomainCapabilities, wide: boolean, paint: Paint): string {
  const machines = capabilities.machines.map((machine) => (machine.alias ? `${machine.name} (${machine.alias})` : machine.name));
  const rows: readonly (Available & { readonly kind: string })[] = [
    ...capabilities.firmwares.map((each) => ({ ...each, kind: 'firmware' })),
    ...capabilities.devices.map((each) => ({ ...each, kind: 'device' })),
    ...capabilities.features.map((each) => ({ ...each, kind: 'feature' })),
  ];
  const columns: readonly Column<(typeof rows)[number]>[] = [{ header: 'KIND', cell: (row) => row.kind }, ...availabilityColumns];
  return `${renderFields([
    ['Hypervisor', `${capabilities.hypervisor} ${capabilities.version}`],
    ['Binary', capabilities.binaryPath],
    ['Architecture', capabilities.arch],
    ['Machine', capabilities.machine],
    ['Accelerator', capabilities.accelerator],
    ['Max vCPUs', String(capabilities.maxVcpus)],
    ['Machines', wideOnly(machines, wide)],
    [
      'CPU models',
      wideOnly(
        capabilities.cpuModels.filter((model) => model.usable).map((model) => model.name),
        wide,
      ),
    ],
    ['Fields', wideOnly(capabilities.fields, wide)],
  ])}\n${renderTable(columns, rows, { wide, paint })}`;
}

export async function run(invocation: Invocation): Promise<void> {
  const connection = await invocation.connect();
  const node = await chooseNode(invocation, connection);
  const request = {
    node,
    hypervisor: invocation.text('hypervisor') ?? '',
    arch: invocation.text('arch') ?? '',
    machine: invocation.text('machine') ?? '',
  };
  const capabilities = await connection.domains.getDomainCapabilities(
    GetDomainCapabilitiesRequest.fromPartial(request),
    invocation.callOptions,
  );
  await invocation.show({
    text: ({ wide, paint }) => text(capabilities, wide, paint),
    json: () => DomainCapabilities.toJSON(capabilities),
    names: () => [node],
  });
}
