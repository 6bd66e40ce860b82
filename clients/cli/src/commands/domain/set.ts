import { updateFields } from '../../domain/update-fields.ts';
import type { Invocation } from '../../invocation.ts';
import { readAssignments } from '../../spec/assignments.ts';
import { loadDomainSchema } from '../../spec/schema.ts';

export async function run(invocation: Invocation): Promise<void> {
  await updateFields(invocation, readAssignments(invocation.args.slice(1), loadDomainSchema()));
}
