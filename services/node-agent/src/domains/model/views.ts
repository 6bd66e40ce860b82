import type { Violation } from '@virtmesh/base';
import type { Domain } from '@virtmesh/contracts/domain/v1/domain';
import { DomainView } from '@virtmesh/contracts/domain/v1/domain_service';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { Graphics, Vnc } from '@virtmesh/contracts/domain/v1/graphics';

/** A domain as a caller may see it: without secrets, and without its definitions in the BASIC view. */
export function viewOf(domain: Domain, view: DomainView): Domain {
  if (view === DomainView.BASIC) return { ...domain, spec: undefined, activeSpec: undefined };
  return { ...domain, spec: withoutSecrets(domain.spec), activeSpec: withoutSecrets(domain.activeSpec) };
}

const vncOf = (graphics: Graphics | undefined): Vnc | undefined =>
  graphics?.protocol?.$case === 'vnc' ? graphics.protocol.value : undefined;

function withVnc(spec: DomainSpec, change: (vnc: Vnc, graphics: Graphics) => Vnc): DomainSpec {
  if (!spec.graphics.some(vncOf)) return spec;
  const graphics = spec.graphics.map((each) => {
    const vnc = vncOf(each);
    return vnc ? { ...each, protocol: { $case: 'vnc' as const, value: change(vnc, each) } } : each;
  });
  return { ...spec, graphics };
}

/** A definition whose passwords are replaced by the fact that there is one. */
export function withoutSecrets<S extends DomainSpec | undefined>(spec: S): S {
  return (spec && withVnc(spec, (vnc) => (vnc.password === '' ? vnc : { ...vnc, password: '', passwordSet: true }))) as S;
}

const kept = (old: DomainSpec | undefined, id: string): string => vncOf(old?.graphics.find((each) => each.id === id))?.password ?? '';

/** A definition that was read, changed and sent back: where it says that a password is set and names none, the old one stays. */
export function withSecretsOf(spec: DomainSpec, old: DomainSpec | undefined): DomainSpec {
  return withVnc(spec, (vnc, { id }) => ({
    ...vnc,
    password: vnc.password === '' && vnc.passwordSet ? kept(old, id) : vnc.password,
    passwordSet: false,
  }));
}

/** Devices that say that a password is set where there is none to keep: without it they would be open to all. */
export function missingSecrets(spec: DomainSpec, old: DomainSpec | undefined): Violation[] {
  return spec.graphics.flatMap((each, index) => {
    const vnc = vncOf(each);
    if (!vnc?.passwordSet || vnc.password !== '' || kept(old, each.id) !== '') return [];
    return [
      {
        field: `graphics[${index}].vnc.password`,
        description: 'is said to be set, but there is none to keep; give it, or leave password_set out for a device without a password',
      },
    ];
  });
}
