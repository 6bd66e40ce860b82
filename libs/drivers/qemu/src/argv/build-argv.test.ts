import { genericViolations, refuseUndriven } from '@virtmesh/driver-spi';
import { expect, test } from 'vitest';
import { drives } from '../spec/drives.ts';
import { validate } from '../spec/validate/validate.ts';
import { asLines, expectedArguments, goldens } from '../testing/goldens.ts';
import { launchOf } from '../testing/launch.ts';
import { kvmAndTcg, recordedBinary } from '../testing/recorded.ts';
import { buildArgv } from './build-argv.ts';

const context = { binary: recordedBinary, accelerators: kvmAndTcg, pathRoots: ['/var/lib/virtmesh/images'] };

test('there are golden definitions', () => {
  expect(goldens.length).toBeGreaterThanOrEqual(25);
});

test.each(goldens.map((golden) => [golden.name, golden] as const))('%s gives the recorded command line', (name, { spec, accelerators }) => {
  const launch = launchOf(spec, { accelerators });
  expect(refuseUndriven(launch.spec, drives, 'qemu')).toEqual([]);
  expect(genericViolations(launch.spec)).toEqual([]);
  expect(validate(launch.spec, context)).toEqual([]);
  const lines = asLines(buildArgv(launch));
  expect(lines).toBe(expectedArguments(name, lines));
});
