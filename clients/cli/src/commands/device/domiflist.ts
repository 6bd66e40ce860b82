import { Interface, InterfaceModel } from '@virtmesh/contracts/domain/v1/interface';
import { DomainView } from '@virtmesh/contracts/domain/v1/domain_service';
import { definitionOf } from '../../domain/definition-of.ts';
import { getDomain } from '../../domain/lookup.ts';
import type { Invocation } from '../../invocation.ts';
import { setWord } from '../../output/states.ts';
import { type Column, renderTable } from '../../output/table.ts';

const columns: readonly Column<Interface>[] = [
  { header: 'INTERFACE', cell: (nic) => nic.id },
  { header: 'TYPE', cell: (nic) => nic.backend?.$case ?? '' },
  { header: 'SOURCE', cell: (nic) => (nic.backend?.$case === 'bridge' ? nic.backend.value.bridge : '') },
  { header: 'MODEL', cell: (nic) => setWord(InterfaceModel, nic.model) },
  { header: 'MAC', cell: (nic) => nic.macAddress },
  { header: 'LINK', wide: true, cell: (nic) => (nic.linkDown ? { text: 'down', style: 'red' } : 'up') },
  { header: 'MTU', wide: true, align: 'right', cell: (nic) => (nic.mtuBytes > 0 ? String(nic.mtuBytes) : '') },
];

export async function run(invocation: Invocation): Promise<void> {
  const domain = await getDomain(invocation, DomainView.FULL);
  const { interfaces } = definitionOf(domain, invocation.flag('inactive'));
  await invocation.show({
    text: ({ wide, paint }) => renderTable(columns, interfaces, { wide, paint }),
    json: () => ({ interfaces: interfaces.map((nic) => Interface.toJSON(nic)) }),
    names: () => interfaces.map(({ id }) => id),
  });
}
