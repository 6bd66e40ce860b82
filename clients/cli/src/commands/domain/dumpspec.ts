import { DomainView } from '@virtmesh/contracts/domain/v1/domain_service';
import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { definitionOf } from '../../domain/definition-of.ts';
import { getDomain } from '../../domain/lookup.ts';
import { shortName } from '../../domain-reference.ts';
import type { Invocation } from '../../invocation.ts';
import { documentText } from '../../spec/document-text.ts';
import { loadDomainSchema } from '../../spec/schema.ts';

export async function run(invocation: Invocation): Promise<void> {
  const domain = await getDomain(invocation, DomainView.FULL);
  const spec = definitionOf(domain, invocation.flag('inactive'));
  const head = { name: shortName(domain.name), ...(domain.autostart ? { autostart: true } : {}) };
  const { output } = invocation.globals;
  if (output === 'json' || output === 'name') {
    await invocation.show({ text: () => '', json: () => ({ ...head, spec: DomainSpec.toJSON(spec) }), names: () => [domain.name] });
  } else {
    await invocation.write(await documentText({ name: head.name, autostart: domain.autostart }, spec, loadDomainSchema()));
  }
  for (const [index, { id, protocol }] of spec.graphics.entries()) {
    if (protocol?.$case === 'vnc' && protocol.value.passwordSet)
      invocation.note(`the password of ${id || `graphics[${index}]`} is not shown: put it in before you define this again`);
  }
}
