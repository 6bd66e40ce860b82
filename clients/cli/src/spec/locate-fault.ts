import { Fault, type Violation } from '@virtmesh/base';
import type { DomainDocument } from './read-documents.ts';

/** A server's fault about a definition, its violations named by the place in the file that they are about. */
export function locatedFault(thrown: unknown, document: Pick<DomainDocument, 'name' | 'locate'>, file: string): unknown {
  if (!(thrown instanceof Fault) || thrown.violations.length === 0) return thrown;
  const violations: Violation[] = thrown.violations.map(({ field, description }) => {
    const position = document.locate(field);
    return { field: position ? `${file}:${position.line}:${position.column}: ${field}` : field, description };
  });
  const [first, ...more] = violations;
  const message =
    first && more.length === 0 ? `${first.field}: ${first.description}` : `${file}: the definition of ${document.name} was refused`;
  return new Fault(thrown.reason, message, thrown.metadata, { violations, cause: thrown });
}
