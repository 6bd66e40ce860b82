import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { featureNames, genericViolations, refuseUndriven, setFields, specLeafFields } from '@virtmesh/driver-spi';
import { expect } from 'vitest';
import type { AgentBench } from '../agent-bench.ts';
import { withLeaf } from '../set-leaf.ts';
import type { PartialSpec, Subject } from '../subject.ts';
import { suite } from '../suite.ts';

/** What a driver says of definitions without touching anything. */
export const definitionCases = (subject: Subject): void =>
  suite(subject, 'definitions', ({ test }) => {
    test('completion is stable and pure', async (bench) => {
      for (const spec of await accepted(bench)) {
        const given = DomainSpec.fromPartial(spec);
        const before = DomainSpec.toJSON(given);
        const once = bench.driver.complete(given, guest);
        expect(DomainSpec.toJSON(given)).toEqual(before);
        expect(DomainSpec.toJSON(bench.driver.complete(given, guest))).toEqual(DomainSpec.toJSON(once));
        expect(DomainSpec.toJSON(bench.driver.complete(once, guest))).toEqual(DomainSpec.toJSON(once));
      }
    });

    test('what is accepted breaks no rule, before and after its completion, and validation is pure', async (bench) => {
      for (const spec of await accepted(bench)) {
        const completed = bench.driver.complete(DomainSpec.fromPartial(spec), guest);
        const before = DomainSpec.toJSON(completed);
        expect(refuseUndriven(completed, bench.driver.drives, bench.driver.type)).toEqual([]);
        expect(genericViolations(completed)).toEqual([]);
        expect(bench.driver.validate(completed)).toEqual([]);
        expect(DomainSpec.toJSON(completed)).toEqual(before);
      }
    });

    test('what is broken is named by its path, in words that say what to do', async (bench) => {
      expect(bench.host.broken.length).toBeGreaterThan(0);
      for (const { field, spec, what } of bench.host.broken) {
        const merged = DomainSpec.fromPartial({ ...(await bench.host.minimal()), ...spec });
        const completed = bench.driver.complete(merged, guest);
        const violations = bench.driver.validate(completed);
        expect(
          violations.map((each) => each.field),
          what,
        ).toContain(field);
        for (const violation of violations) expect(violation.description.length, what).toBeGreaterThan(10);
      }
    });

    test('it drives fields of the contract, and each of them is in an accepted example', async (bench) => {
      const known = new Set(specLeafFields());
      expect([...bench.driver.drives].filter((field) => !known.has(field))).toEqual([]);
      const shown = new Set((await accepted(bench)).flatMap((spec) => setFields(DomainSpec.fromPartial(spec)).map(({ field }) => field)));
      expect([...bench.driver.drives].filter((field) => !shown.has(field))).toEqual([]);
    });

    test('each field that it does not drive is refused by its path', async (bench) => {
      const minimal = DomainSpec.fromPartial(await bench.host.minimal());
      for (const field of specLeafFields().filter((each) => !bench.driver.drives.has(each))) {
        const refused = refuseUndriven(withLeaf(minimal, field), bench.driver.drives, bench.driver.type).map((each) => each.field);
        const named = refused.map((path) => path.replaceAll(/\[\d+\]/g, ''));
        expect(
          named.some((path) => field === path || field.startsWith(`${path}.`)),
          field,
        ).toBe(true);
      }
    });

    test('capabilities are what is there, both ways', async (bench) => {
      const { driver } = bench;
      const told = await driver.host.capabilities({ arch: '', machine: '' }, AbortSignal.timeout(20_000));
      expect(told.hypervisor).toBe(driver.type);
      expect(told.version).toBe(driver.host.version);
      for (const name of featureNames) {
        const verdict = driver.explain(undefined, name);
        expect(verdict.supported, name).toBe(driver.features[name] !== undefined);
        if (!verdict.supported) expect(verdict.why.length, name).toBeGreaterThan(10);
      }
      await expect(driver.host.capabilities({ arch: '', machine: 'no-such-machine' }, AbortSignal.timeout(20_000))).rejects.toMatchObject({
        reason: 'HOST_INCOMPATIBLE',
      });
      await expect(driver.host.capabilities({ arch: 'pdp11', machine: '' }, AbortSignal.timeout(20_000))).rejects.toMatchObject({
        reason: 'HOST_INCOMPATIBLE',
      });
    });
  });

const guest = { uid: '6f1c5f0e-5d51-4c2b-9d5e-0b7c1a2d3e4f', id: 'web-1' };

const accepted = async ({ host }: AgentBench): Promise<readonly PartialSpec[]> => [
  await host.minimal(),
  await host.rich(),
  ...host.examples,
];
