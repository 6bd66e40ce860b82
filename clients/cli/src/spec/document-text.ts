import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { toYaml } from '../output/serialise.ts';
import { writtenForm, type WrittenValue } from './print.ts';
import type { JsonObject } from './reading.ts';
import type { DomainSchema } from './schema.ts';

/** A definition's fields as they are written. */
export const writtenSpec = (spec: DomainSpec | undefined, schema: DomainSchema): { [name: string]: WrittenValue } =>
  spec === undefined ? {} : writtenForm(DomainSpec.toJSON(spec) as JsonObject, schema.spec);

/** A definition as define reads it. */
export const documentText = (
  head: { readonly name: string; readonly autostart: boolean },
  spec: DomainSpec,
  schema: DomainSchema,
): Promise<string> => toYaml({ name: head.name, ...(head.autostart ? { autostart: true } : {}), spec: writtenSpec(spec, schema) });
