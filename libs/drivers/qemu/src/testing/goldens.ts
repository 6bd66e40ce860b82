import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { Accelerators } from '../probe/profile.ts';
import { kvmAndTcg, tcgAlone } from './recorded.ts';

const directory = new URL('../../golden/', import.meta.url);

export interface Golden {
  readonly name: string;
  readonly spec: DomainSpec;
  /** The host that it is for: those called `kvm-...` are for one with both accelerators. */
  readonly accelerators: Accelerators;
}

/** The definitions of `golden/`, as `{name}.json`. */
export const goldens: readonly Golden[] = readdirSync(directory)
  .filter((file) => file.endsWith('.json') && !file.startsWith('profile-'))
  .toSorted()
  .map((file) => ({
    name: file.slice(0, -'.json'.length),
    spec: DomainSpec.fromJSON(JSON.parse(readFileSync(new URL(file, directory), 'utf8'))),
    accelerators: file.startsWith('kvm-') ? kvmAndTcg : tcgAlone,
  }));

/** The expected arguments of a golden definition; with `UPDATE=1` in the environment, the given ones, which are written. */
export function expectedArguments(name: string, actual: string): string {
  const file = new URL(`${name}.args`, directory);
  if (process.env['UPDATE'] === '1') writeFileSync(file, actual);
  return readFileSync(file, 'utf8');
}

/** One argument a line, an option's value indented below it. */
export function asLines(argv: readonly string[]): string {
  return argv.map((argument) => `${argument.startsWith('-') ? '' : '  '}${argument}\n`).join('');
}
