import { CpuFeaturePolicy, CpuMode } from '@virtmesh/contracts/domain/v1/cpu';
import { Accelerator, DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { expect, test } from 'vitest';
import { kvmAndTcg, recordedBinary, recordedKvm, tcgAlone } from '../testing/recorded.ts';
import { chooseAccelerator, forAccelerator } from './for-accelerator.ts';

const tcg = recordedBinary.tcg ?? recordedKvm;
const withCpu = (cpu: object): DomainSpec => DomainSpec.fromPartial({ cpu });
const incompatible = (words: string): unknown =>
  expect.objectContaining({ reason: 'HOST_INCOMPATIBLE', message: expect.stringContaining(words) });

test('a start uses the accelerator that is asked for, else the best', () => {
  expect(chooseAccelerator(DomainSpec.fromPartial({}), kvmAndTcg).name).toBe('kvm');
  expect(chooseAccelerator(DomainSpec.fromPartial({}), tcgAlone).name).toBe('tcg');
  expect(chooseAccelerator(DomainSpec.fromPartial({ accelerator: Accelerator.TCG }), kvmAndTcg).name).toBe('tcg');
  expect(() => chooseAccelerator(DomainSpec.fromPartial({ accelerator: Accelerator.KVM }), tcgAlone)).toThrow(
    incompatible('did not run within 3 s'),
  );
  expect(() => chooseAccelerator(DomainSpec.fromPartial({}), { usable: [], why: {} })).toThrow(incompatible('built without it'));
});

test('the accelerator stands in what runs, and the given definition stays', () => {
  const given = withCpu({ mode: CpuMode.HOST_MODEL });
  const spec = forAccelerator(given, tcg);
  expect(spec.accelerator).toBe(Accelerator.TCG);
  expect(spec.cpu).toMatchObject({ mode: CpuMode.CUSTOM, model: tcg.hostModel });
  expect(given).toEqual(withCpu({ mode: CpuMode.HOST_MODEL }));
  expect(forAccelerator(given, recordedKvm)).toMatchObject({ accelerator: Accelerator.KVM, cpu: { model: recordedKvm.hostModel } });
  expect(forAccelerator(spec, tcg)).toEqual(spec);
});

test('what TCG cannot emulate of a model is switched off where it can be read', () => {
  const { cpu } = forAccelerator(
    withCpu({ mode: CpuMode.CUSTOM, model: 'Haswell-v4', features: [{ name: 'pcid', policy: CpuFeaturePolicy.DISABLE }] }),
    tcg,
  );
  expect(cpu?.features).toEqual(
    ['pcid', 'x2apic', 'tsc-deadline', 'invpcid', 'spec-ctrl'].map((name) => ({ name, policy: CpuFeaturePolicy.DISABLE })),
  );
});

test('what is required and cannot be emulated is refused', () => {
  expect(() =>
    forAccelerator(withCpu({ mode: CpuMode.MAXIMUM, features: [{ name: 'avx512f', policy: CpuFeaturePolicy.REQUIRE }] }), tcg),
  ).toThrow(incompatible('avx512f'));
});

test('KVM gives a model whole, or not at all', () => {
  const lacking = recordedKvm.cpuModels.find(({ name }) => name === 'Nehalem')?.blockers ?? [];
  expect(lacking.length).toBeGreaterThan(0);
  expect(() => forAccelerator(withCpu({ mode: CpuMode.CUSTOM, model: 'Nehalem' }), recordedKvm)).toThrow(incompatible(lacking.join(', ')));
  const without = withCpu({
    mode: CpuMode.CUSTOM,
    model: 'Nehalem',
    features: lacking.map((name) => ({ name, policy: CpuFeaturePolicy.DISABLE })),
  });
  expect(forAccelerator(without, recordedKvm).cpu).toEqual(without.cpu);
});

test('no named model means no HOST_MODEL', () => {
  expect(() => forAccelerator(withCpu({ mode: CpuMode.HOST_MODEL }), { ...tcg, hostModel: '' })).toThrow(incompatible('HOST_PASSTHROUGH'));
});
