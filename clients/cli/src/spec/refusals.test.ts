import { expect, test } from 'vitest';
import { UsageError } from '../usage-error.ts';
import { readAssignments } from './assignments.ts';
import { readDevice } from './read-device.ts';
import { readDocuments } from './read-documents.ts';
import { loadDomainSchema } from './schema.ts';

const schema = loadDomainSchema();

test('a definition that stands alone needs a name', () => {
  expect(() => readDocuments({ file: 'a.yaml', text: 'hypervisor: qemu\n' }, schema)).toThrow(/a\.yaml:1:1: it has neither name nor spec/);
});

test('an entry of a list is not nothing', () => {
  expect(() => readDocuments({ file: 'a.yaml', text: 'name: web\nspec:\n  qemu:\n    args:\n    -\n' }, schema)).toThrow(
    /spec\.qemu\.args\[0\]: has no value: give it one, or leave the field out/,
  );
});

test('what is no YAML is not taken for a value', () => {
  expect(() => readAssignments(['cpu=[1'], schema)).toThrow(UsageError);
  expect(() => readAssignments(['cpu=[1'], schema)).toThrow(/^the change is not valid: cpu: Flow sequence/);
});

test.each([
  ['what is no YAML', '[1', /a\.yaml:1:\d+: Flow sequence/],
  ['two devices', 'rng: {}\n---\nrng: {}\n', /a\.yaml:\d:1: there are 2 devices in it, and one is taken/],
  ['no device', '', /a\.yaml:1:1: there is no device in it/],
  ['a device of no kind', '{}', /a\.yaml:1:1: give one of disk, /],
])('%s is no device', (_what, text, words) => {
  expect(() => readDevice({ file: 'a.yaml', text }, schema)).toThrow(words);
});
