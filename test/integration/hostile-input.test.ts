import { join } from 'node:path';
import { resultOf } from '@virtmesh/client';
import { Code, type Fault } from '@virtmesh/base';
import {
  CreateDomainRequest,
  DomainView,
  GetDomainCapabilitiesRequest,
  GetDomainRequest,
} from '@virtmesh/contracts/domain/v1/domain_service';
import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { ListOperationsRequest } from '@virtmesh/contracts/operation/v1/operation_service';
import { Operation } from '@virtmesh/contracts/operation/v1/operation';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { agentMarks } from '../support/agent-marks.ts';
import { hostileValues, shown } from '../support/hostile-values.ts';
import { type Target, validRequest } from '../support/hostile-requests.ts';
import { containerOfAll, fileDisk, idleMachine, machineOfAll, mebibyte } from '../support/domain-specs.ts';
import { makeDisk } from '../support/guest-image.ts';
import { bytesWith, messageNamed, type Place, placesOf, unaryMethods, valueIn } from '../support/message-places.ts';
import { RawCalls } from '../support/raw-calls.ts';
import { TestSystem } from '../support/system.ts';
import type { TestClient } from '../support/test-client.ts';

const request = messageNamed('virtmesh.domain.v1.CreateDomainRequest');
const specMessage = messageNamed('virtmesh.domain.v1.DomainSpec');
const inSpec = new Map(placesOf(specMessage).map((place) => [`spec.${place.path}`, place]));

let system: TestSystem;
let client: TestClient;
let raw: RawCalls;
/** The fields of a definition that each driver drives. */
let driven: Readonly<Record<Driver, ReadonlySet<string>>>;
beforeAll(async () => {
  system = await TestSystem.start();
  client = await system.client();
  raw = new RawCalls(system.agentSocket);
  const fields = async (hypervisor: Driver): Promise<ReadonlySet<string>> =>
    new Set(
      (await client.connection.domains.getDomainCapabilities(GetDomainCapabilitiesRequest.fromPartial({ node: 'nodes/n1', hypervisor })))
        .fields,
    );
  driven = { qemu: await fields('qemu'), lxc: await fields('lxc') };
});
afterAll(async () => {
  raw[Symbol.dispose]();
  await system[Symbol.asyncDispose]();
});

type Driver = 'qemu' | 'lxc';
const specOfAll = { qemu: machineOfAll, lxc: containerOfAll } as const;

const drives = (driver: Driver, { path }: Place): boolean =>
  !path.startsWith('spec.') || driven[driver].has(path.replace('spec.', '').replaceAll(/\[.*?\]/g, ''));

/** The field that a place is about, and the part of the definition that it belongs to. */
const fieldOf = (place: Place): string => place.path.replace(/\[(key|value)\]$/, '');
const partOf = (field: string): string =>
  field
    .split('.')
    .slice(0, field.startsWith('spec.') ? 2 : 1)
    .join('.')
    .replace(/\["[^]*/, '');
/** What a value is read back as: passwords are not. */
const readAs = (place: Place, value: unknown): unknown => (place.path.endsWith('.password') ? '' : value);

/** What is wrong with the answer to a create with a hostile value; undefined where it is as it must be. */
async function wrongWith(place: Place, value: unknown, id: string, driver: Driver): Promise<string | undefined> {
  const all = specOfAll[driver](system.disks);
  // Where the network is another's there is no interface of its own.
  const spec = place.path.startsWith('spec.container.namespaces.network') ? { ...all, interfaces: [] } : all;
  const base = CreateDomainRequest.encode(
    CreateDomainRequest.fromPartial({ parent: 'nodes/n1', domainId: id, spec, wait: { seconds: 20n } }),
  ).finish();
  const sent = bytesWith(request, base, place, value);
  const { bytes, fault } = await raw.call('createDomain', sent);
  if (fault !== undefined) return refusedWrongly(place, fault, driver);
  const operation = Operation.decode(bytes ?? Buffer.alloc(0));
  let name: string;
  try {
    const result = resultOf(operation);
    if (result.$case !== 'domain') return `a create answered ${result.$case}`;
    name = result.value.name;
  } catch (thrown) {
    return `the operation failed: ${String(thrown)}`;
  }
  const kept = await client.connection.domains.getDomain(GetDomainRequest.fromPartial({ name, view: DomainView.FULL }));
  const readable = inSpec.get(place.path);
  const read = readable && valueIn(specMessage, DomainSpec.encode(kept.spec ?? DomainSpec.fromPartial({})).finish(), readable);
  await client.delete(name.split('/').at(-1) ?? '');
  accepted += 1;
  return readable === undefined || read === readAs(place, value) ? undefined : `it was accepted and is read back as ${shown(read)}`;
}
let accepted = 0;

function refusedWrongly(place: Place, { message, metadata, reason, violations }: Fault, driver: Driver): string | undefined {
  const fields = violations.map(({ field }) => field);
  const told = `${reason} of ${fields.join(', ').slice(0, 200)}: ${message.slice(0, 200)}`;
  // Also what is above it can be named: none of it is driven.
  if (reason === 'SPEC_UNSUPPORTED' && !drives(driver, place))
    return fields.some((field) => place.path.startsWith(field)) ? undefined : told;
  if (!['SPEC_INVALID', 'NAME_INVALID', 'REQUEST_INVALID'].includes(reason)) return told;
  if (JSON.stringify([message, metadata]).length > 20_000) return `an answer that is too long: ${told}`;
  const wanted = fieldOf(place);
  if (place.kind === 'text') return fields.some((field) => field === wanted || field.startsWith(`${wanted}[`)) ? undefined : told;
  return fields.some((field) => partOf(field) === partOf(wanted)) ? undefined : told;
}

const places = placesOf(request).filter(({ kind }) => kind !== 'other');

describe('a definition with a hostile value', () => {
  it.each(places.map((place) => [place.path, place] as const))(
    'in %s is refused by field and leaves nothing, or is kept as it was written',
    { timeout: 120_000 },
    async (_path, place) => {
      const before = await agentMarks(system, client.connection);
      accepted = 0;
      const driver = drives('qemu', place) ? 'qemu' : 'lxc';
      const values = hostileValues(place.kind);
      const wrong = await Promise.all(
        values.map(async (value, index) => {
          const found = await wrongWith(place, value, `h${index}`, driver);
          return found === undefined ? [] : [`${shown(value)}: ${found}`];
        }),
      );
      expect(wrong.flat()).toEqual([]);
      const after = await agentMarks(system, client.connection);
      expect(after).toEqual({
        ...before,
        journalNumber: before.journalNumber + 2n * BigInt(accepted),
        operations: before.operations + 2 * accepted,
      });
    },
  );

  /** Anything but what stands for a value that is left out. */
  const anything = (place: Place): fc.Arbitrary<unknown> => {
    if (place.kind === 'text')
      return fc.oneof(fc.string({ unit: 'binary', minLength: 1 }), fc.string({ unit: 'grapheme', minLength: 1, maxLength: 300 }));
    if (place.kind === 'int64') return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).filter((value) => value !== 0n);
    return fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }).filter((value) => value !== 0);
  };

  it('is refused or kept, whatever it is and wherever it stands', { timeout: 120_000 }, async () => {
    const before = await agentMarks(system, client.connection);
    const drivers = fc.constantFrom<Driver>('qemu', 'lxc');
    const placed = fc.constantFrom(...places).chain((place) => fc.tuple(fc.constant(place), anything(place), drivers));
    await fc.assert(
      fc.asyncProperty(placed, async ([place, value, driver]) => {
        expect(await wrongWith(place, value, 'any', driver)).toBeUndefined();
      }),
      { numRuns: 300 },
    );
    const { domains, files, processes } = await agentMarks(system, client.connection);
    expect({ domains, files, processes }).toEqual({ domains: before.domains, files: before.files, processes: before.processes });
  });
});

const others = ['virtmesh.domain.v1.DomainService', 'virtmesh.node.v1.NodeService', 'virtmesh.operation.v1.OperationService']
  .flatMap((service) => unaryMethods(service))
  .filter(({ name }) => name !== 'createDomain')
  .flatMap(({ name, request }) =>
    placesOf(request)
      .filter(({ kind }) => kind !== 'other')
      .map((place) => [name, place.path, request, place] as const),
  );

describe('a call with a hostile value', () => {
  let target: Target;
  beforeAll(async () => {
    const spec = machineOfAll(system.disks);
    const off = await client.create('off', spec);
    const disk = join(system.disks, 'disk.img');
    await makeDisk(disk, mebibyte, 'raw');
    const paused = await client.run('paused', idleMachine({ disks: [fileDisk(disk, 'raw', { id: 'disk0' })] }), { startPaused: true });
    const [operation] = (
      await client.connection.operations.listOperations(ListOperationsRequest.fromPartial({ parent: 'nodes/n1', includeDone: true }))
    ).operations;
    target = { off: off.name, paused: paused.name, operation: operation?.name ?? '', files: system.disks, spec };
  });

  /** What a refusal can be for: the value, or what it is found to name. */
  const codes: readonly Code[] = [
    Code.INVALID_ARGUMENT,
    Code.NOT_FOUND,
    Code.FAILED_PRECONDITION,
    Code.ABORTED,
    Code.UNIMPLEMENTED,
    Code.OUT_OF_RANGE,
  ];

  it.each(others)(
    '%s: %s is refused and leaves nothing, or does what it says',
    { timeout: 120_000 },
    async (method, path, message, place) => {
      const before = await agentMarks(system, client.connection);
      let refused = true;
      for (const value of hostileValues(place.kind)) {
        const { fault } = await raw.call(method, bytesWith(message, validRequest(method, path, target), place, value));
        refused &&= fault !== undefined;
        if (fault === undefined) continue;
        const fields = fault.violations.map(({ field }) => field);
        const told = `${shown(value)}: ${fault.reason} of ${fields.join(', ').slice(0, 200)}: ${fault.message.slice(0, 200)}`;
        expect(codes, told).toContain(fault.code);
        if (fault.code === Code.INVALID_ARGUMENT) expect(fields.map(partOf), told).toContain(partOf(fieldOf(place)));
      }
      if (place.kind === 'enum') expect(refused).toBe(true);
      if (refused) expect(await agentMarks(system, client.connection)).toEqual(before);
    },
  );
});
