import { Fault } from '@virtmesh/base';
import { Domain } from '@virtmesh/contracts/domain/v1/domain';
import { DomainView, GetDomainRequest, SetDomainAutostartRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import { aboutDomain } from '../../domain/lookup.ts';
import { shortName } from '../../domain-reference.ts';
import { editDomain } from '../../edit/edit-domain.ts';
import type { Invocation } from '../../invocation.ts';
import { changedAnything, showOutcomes } from '../../operation/outcomes.ts';

export async function run(invocation: Invocation): Promise<void> {
  await aboutDomain(invocation, invocation.args[0], async (connection, name) => {
    const domain = await connection.domains.getDomain(
      GetDomainRequest.fromPartial({ name, view: DomainView.FULL }),
      invocation.callOptions,
    );
    if (domain.spec === undefined)
      throw new Fault('STATE_INVALID', `domain ${shortName(domain.name)} is transient and has no definition for a next start to edit`, {
        domain: domain.name,
      });
    const edited = await editDomain(invocation, connection, domain, domain.spec);
    if (edited === undefined || (edited.autostart === domain.autostart && !changedAnything(edited.operation)))
      return await showUnchanged(invocation, domain);
    await showOutcomes(invocation, edited.operation, { changedOnly: true });
    if (edited.autostart === domain.autostart) return;
    const { autostart } = edited;
    if (invocation.flag('dryRun')) return;
    await connection.domains.setDomainAutostart(
      SetDomainAutostartRequest.fromPartial({ name: domain.name, autostart }),
      invocation.callOptions,
    );
    invocation.note(`domain ${shortName(domain.name)} ${autostart ? 'starts with its node' : 'does not start with its node'} now`);
  });
}

const showUnchanged = (invocation: Invocation, domain: Domain): Promise<void> =>
  invocation.show({
    text: () => (invocation.globals.quiet ? '' : `domain ${shortName(domain.name)} unchanged\n`),
    json: () => Domain.toJSON(domain),
    names: () => [domain.name],
  });
