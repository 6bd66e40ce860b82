import { Domain } from '@virtmesh/contracts/domain/v1/domain';
import { DomainView } from '@virtmesh/contracts/domain/v1/domain_service';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';

/** A domain as a caller may see it: without secrets, and without its definitions in the BASIC view. */
export function viewOf(domain: Domain, view: DomainView): Domain {
  if (view === DomainView.BASIC) return { ...domain, spec: undefined, activeSpec: undefined };
  return { ...domain, spec: withoutSecrets(domain.spec), activeSpec: withoutSecrets(domain.activeSpec) };
}

/** A definition whose passwords are replaced by the fact that there is one. */
export function withoutSecrets<S extends DomainSpec | undefined>(spec: S): S {
  if (spec === undefined || !spec.graphics.some((g) => g.protocol?.$case === 'vnc' && g.protocol.value.password !== '')) return spec;
  const graphics = spec.graphics.map((g) =>
    g.protocol?.$case === 'vnc' && g.protocol.value.password !== '' ? { ...g, protocol: { $case: 'vnc' as const, value: { ...g.protocol.value, password: '', passwordSet: true } } } : g,
  );
  return { ...spec, graphics };
}

/** A definition that was read, changed and sent back: where it says that a password is set and names none, the old one stays. */
export function withSecretsOf(spec: DomainSpec, old: DomainSpec | undefined): DomainSpec {
  const graphics = spec.graphics.map((g) => {
    if (g.protocol?.$case !== 'vnc') return g;
    const before = old?.graphics.find((o) => o.id === g.id)?.protocol;
    const kept = g.protocol.value.password === '' && g.protocol.value.passwordSet && before?.$case === 'vnc' ? before.value.password : g.protocol.value.password;
    return { ...g, protocol: { $case: 'vnc' as const, value: { ...g.protocol.value, password: kept, passwordSet: false } } };
  });
  return { ...spec, graphics };
}
