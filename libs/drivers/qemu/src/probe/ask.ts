import type { CpuModel, MachineType } from '@virtmesh/contracts/domain/v1/capabilities';
import type { QmpClient } from '../qmp/index.ts';
import { machineFamily } from '../spec/machine.ts';
import type { AcceleratorName, AcceleratorProfile, BinaryProfile } from './profile.ts';

/** Asks a QEMU without a machine what its binary can do. */
export async function askBinary(qmp: QmpClient, signal: AbortSignal): Promise<Omit<BinaryProfile, 'path' | 'identity' | 'arch' | 'tcg'>> {
  const ask = <T>(command: string, args: object = {}): Promise<T> => qmp.executeAny<T>(command, args, signal);
  const [version, machines, devices, accelerators, commands, expansion, schema] = await Promise.all([
    qmp.execute('query-version', {}, signal),
    ask<readonly MachineAnswer[]>('query-machines'),
    ask<readonly Named[]>('qom-list-types', { implements: 'device' }),
    ask<readonly Named[]>('qom-list-types', { implements: 'accel' }),
    ask<readonly Named[]>('query-commands'),
    expand(qmp, 'max', signal),
    ask<readonly SchemaEntry[]>('query-qmp-schema'),
  ]);
  const built = new Set(accelerators.map(({ name }) => name));
  return {
    version: `${version.qemu.major}.${version.qemu.minor}.${version.qemu.micro}`,
    machines: machineTypes(machines),
    cpuFeatures: new Set(Object.keys(expansion).filter(isFeature)),
    devices: new Set(devices.map(({ name }) => name)),
    aio: new Set(
      schema.find((entry) => entry['meta-type'] === 'enum' && entry.values?.includes('threads') && entry.values.includes('native'))?.values,
    ),
    commands: new Set(commands.map(({ name }) => name)),
    builtWith: new Set((['kvm', 'tcg'] as const).filter((name) => built.has(`${name}-accel`))),
  };
}

/** Asks a QEMU that runs under an accelerator what its CPUs can be. */
export async function askAccelerator(name: AcceleratorName, qmp: QmpClient, signal: AbortSignal): Promise<AcceleratorProfile> {
  const [definitions, max] = await Promise.all([
    qmp.executeAny<readonly CpuAnswer[]>('query-cpu-definitions', {}, signal),
    expand(qmp, 'max', signal),
  ]);
  const named = definitions.filter((definition) => !unnamed.has(definition.name));
  return {
    name,
    cpuModels: named
      .map((definition): CpuModel => ({ name: definition.name, usable: blockers(definition).length === 0, blockers: blockers(definition) }))
      .toSorted((a, b) => compare(a.name, b.name)),
    hostModel: await richest(qmp, named, signal),
    offered: new Set(Object.keys(max).filter((feature) => isFeature(feature) && max[feature] === true)),
  };
}

interface Named {
  readonly name: string;
}
interface MachineAnswer extends Named {
  readonly alias?: string;
  readonly 'cpu-max': number;
  readonly deprecated: boolean;
}
interface CpuAnswer extends Named {
  readonly 'unavailable-features'?: readonly string[];
  readonly 'migration-safe'?: boolean;
  readonly 'alias-of'?: string;
}
interface ExpansionAnswer {
  readonly model: { readonly props?: Readonly<Record<string, unknown>> };
}
interface SchemaEntry {
  readonly 'meta-type': string;
  readonly values?: readonly string[];
}

/** Not models of a CPU but of what there is: the modes stand for them. */
const unnamed: ReadonlySet<string> = new Set(['max', 'host', 'base']);

function machineTypes(answers: readonly MachineAnswer[]): readonly MachineType[] {
  return answers
    .filter(({ name }) => machineFamily(name) !== undefined)
    .map((answer): MachineType => ({
      name: answer.name,
      alias: answer.alias ?? '',
      maxVcpus: answer['cpu-max'],
      isDefault: answer.alias === 'q35',
      deprecated: answer.deprecated,
    }))
    .toSorted((a, b) => compare(versionKey(b.name), versionKey(a.name)));
}

/** `pc-q35-7.2` as `00007.00002-q35`: newest first when turned round, q35 before pc of the same version. */
function versionKey(machine: string): string {
  const [, family = '', version = ''] = /^pc-([a-z0-9]+)-(.*)$/.exec(machine) ?? [];
  return `${version
    .split('.')
    .map((part) => part.padStart(5, '0'))
    .join('.')}-${family}`;
}

async function expand(qmp: QmpClient, model: string, signal: AbortSignal): Promise<Readonly<Record<string, unknown>>> {
  const answer = await qmp.executeAny<ExpansionAnswer>('query-cpu-model-expansion', { type: 'full', model: { name: model } }, signal);
  return Object.fromEntries(Object.entries(answer.model.props ?? {}).filter(([, value]) => typeof value === 'boolean'));
}

/** Switches of the CPU object that are no features of a CPU, and older spellings with `_`. */
function isFeature(property: string): boolean {
  return !property.includes('_') && !property.startsWith('x-') && !['realized', 'check', 'enforce', 'start-powered-off'].includes(property);
}

const blockers = (definition: CpuAnswer): string[] => [...new Set(definition['unavailable-features'] ?? [])];

/** The exact version of the model that lacks nothing here and has the most features. */
async function richest(qmp: QmpClient, definitions: readonly CpuAnswer[], signal: AbortSignal): Promise<string> {
  const candidates = definitions.filter(
    (each) => blockers(each).length === 0 && each['migration-safe'] === true && each['alias-of'] === undefined,
  );
  let best = { name: '', count: 0 };
  // One after the other: a monitor takes only so many commands at once, and there can be a hundred models.
  for (const { name } of candidates.toSorted((a, b) => compare(a.name, b.name))) {
    const count = Object.values(await expand(qmp, name, signal)).filter((has) => has === true).length;
    if (count > best.count) best = { name, count };
  }
  return best.name;
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
