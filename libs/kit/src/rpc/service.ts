import { Fault } from '@virtmesh/base';
import type { Role } from '../auth/caller.ts';
import type { CallContext } from './context.ts';
import { type AnyMethod, type Handlers, type ServiceDefinition, serviceOf } from './method.ts';

type MethodKind = 'unary' | 'serverStream' | 'bidi';

/** Who may call a service at all: `any` peer that is let in, callers with a `role`, or only `services` and the local socket. */
export type Audience = 'any' | 'role' | 'services';

/** One method with its handler and what it asks of the caller. */
export interface BoundMethod {
  /** `/virtmesh.domain.v1.DomainService/GetDomain` */
  readonly path: string;
  /** The path without the leading slash, as it stands in logs and metrics. */
  readonly name: string;
  readonly kind: MethodKind;
  readonly role: Role;
  readonly audience: Audience;
  readonly deserialize: (bytes: Buffer) => unknown;
  readonly serialize: (value: unknown) => Buffer;
  readonly handler: (request: unknown, context: CallContext) => unknown;
}

/** A service ready to be served at any number of endpoints. */
export interface ServiceBinding {
  /** The full name, such as `virtmesh.domain.v1.DomainService`. */
  readonly name: string;
  readonly methods: readonly BoundMethod[];
}

export interface ServiceOptions {
  /** `role` if left out. */
  readonly audience?: Audience;
}

/** Ties a service of the contract to its handlers. Every method needs a handler and the role that it asks for. */
export function defineService<D extends ServiceDefinition>(
  definition: D,
  handlers: Handlers<D>,
  methodRoles: Readonly<Record<keyof D, Role>>,
  options: ServiceOptions = {},
): ServiceBinding {
  const methods = Object.entries<AnyMethod>(definition).map(([key, method]): BoundMethod => {
    const handler: unknown = handlers[key];
    const role = methodRoles[key];
    if (typeof handler !== 'function' || role === undefined)
      throw new Fault('INTERNAL_BUG', `${method.path} has no ${role === undefined ? 'role' : 'handler'}`, { method: method.path });
    return {
      path: method.path,
      name: method.path.slice(1),
      kind: kindOf(method),
      role,
      audience: options.audience ?? 'role',
      deserialize: method.requestDeserialize,
      // The types of `handlers` and `definition` were checked against each other; here they are forgotten.
      serialize: method.responseSerialize as BoundMethod['serialize'],
      handler: handler as BoundMethod['handler'],
    };
  });
  const first = methods[0];
  if (first === undefined) throw new Fault('INTERNAL_BUG', 'a service without methods cannot be served');
  return { name: serviceOf(first.path), methods };
}

function kindOf(method: AnyMethod): MethodKind {
  if (method.requestStream && method.responseStream) return 'bidi';
  if (method.requestStream)
    throw new Fault('INTERNAL_BUG', `${method.path} streams its requests only, which nothing of virtmesh does`, { method: method.path });
  return method.responseStream ? 'serverStream' : 'unary';
}
