import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault } from '@virtmesh/base';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { temporaryDirectory } from '../testing/fixture.ts';
import { loadConfig } from './load.ts';
import { suggest } from './suggest.ts';

const schema = z.strictObject({
  node: z
    .string()
    .regex(/^[a-z0-9-]+$/, 'must be lower case')
    .default('n0'),
  stateDir: z.string(),
  sockets: z.strictObject({ group: z.string().default('virtmesh'), readOnlyPath: z.string().optional() }).prefault({}),
  drainMs: z.int().min(0).default(5000),
  tls: z
    .strictObject({
      port: z.int(),
      bindings: z.array(z.strictObject({ identity: z.string(), role: z.enum(['viewer', 'admin']) })).default([]),
    })
    .optional(),
  roots: z.array(z.string()).default(['/srv']),
  labels: z.record(z.string(), z.string()).default({}),
});

async function file(text: string): Promise<string> {
  const path = join(await temporaryDirectory(), 'c.yaml');
  await writeFile(path, text);
  return path;
}

function wrong(argv: string[], env: Record<string, string> = {}): Fault {
  try {
    loadConfig(schema, { argv, env });
  } catch (thrown) {
    if (Fault.is(thrown, 'REQUEST_INVALID')) return thrown;
    throw thrown;
  }
  throw new Error('the configuration was taken');
}

test('each source goes over the one before it: defaults, file, environment, flags', async () => {
  const path = await file('stateDir: /file\nnode: file\ndrainMs: 1\nsockets: {group: file, readOnlyPath: /file}\n');
  const config = loadConfig(schema, {
    argv: ['--config', path, '--set', 'node=flag', '--set', 'roots=[/a, /b]'],
    env: {
      VIRTMESH_NODE: 'env',
      VIRTMESH_DRAIN_MS: '2',
      VIRTMESH_SOCKETS_READ_ONLY_PATH: '/env',
      VIRTMESH_URI: "another program's",
      PATH: '/bin',
    },
  });
  expect(config).toEqual({
    stateDir: '/file',
    node: 'flag',
    drainMs: 2,
    sockets: { group: 'file', readOnlyPath: '/env' },
    roots: ['/a', '/b'],
    labels: {},
  });
});

test('the file is named by flag, else by environment, else it is the default one if that is there', async () => {
  const [a, b] = [await file('stateDir: /a'), await file('stateDir: /b')];
  expect(loadConfig(schema, { argv: ['--config', a], env: { VIRTMESH_CONFIG: b } }).stateDir).toBe('/a');
  expect(loadConfig(schema, { argv: [], env: { VIRTMESH_CONFIG: b }, defaultFile: a }).stateDir).toBe('/b');
  expect(loadConfig(schema, { argv: [], env: {}, defaultFile: a }).stateDir).toBe('/a');
  expect(loadConfig(schema, { argv: [], env: { VIRTMESH_STATE_DIR: '/e' }, defaultFile: '/no/such.yaml' }).stateDir).toBe('/e');
  expect(wrong(['--config', '/no/such.yaml']).message).toContain('/no/such.yaml cannot be read');
});

test('an empty section of a file is there, as one of a flag is', async () => {
  const simulated = z.strictObject({
    test: z.strictObject({ seed: z.int().default(1) }).optional(),
    log: z.strictObject({ level: z.string().default('info') }).prefault({}),
    endpoints: z.array(z.strictObject({ port: z.int() })).default([]),
  });
  const load = (argv: readonly string[]): unknown => loadConfig(simulated, { argv, env: {} });
  const whole = { test: { seed: 1 }, log: { level: 'info' }, endpoints: [] };
  expect(load(['--set', 'test={}'])).toEqual(whole);
  expect(load(['--config', await file('test: {}\nlog: {}\n')])).toEqual(whole);
  expect(load(['--config', await file('test: {}\n'), '--set', 'test.seed=7'])).toMatchObject({ test: { seed: 7 } });
  expect(load(['--config', await file('{}\n')])).toEqual({ log: whole.log, endpoints: [] });
  // What has no value is as if it were not there.
  expect(load(['--config', await file('test:\n')])).toEqual({ log: whole.log, endpoints: [] });
  const nameless = await file('endpoints: [{}]\n');
  expect(() => load(['--config', nameless])).toThrow(/c\.yaml:1:13: endpoints\.0\.port is wrong/);
});

test('text stays text, and other values are read as YAML', () => {
  const config = loadConfig(schema, {
    argv: ['--set', 'stateDir=0123', '--set', 'tls={port: 7, bindings: [{identity: "a=b", role: admin}]}', '--set', 'labels={a: "1"}'],
    env: { VIRTMESH_NODE: '12' },
  });
  expect(config).toMatchObject({
    stateDir: '0123',
    node: '12',
    tls: { port: 7, bindings: [{ identity: 'a=b', role: 'admin' }] },
    labels: { a: '1' },
  });
});

test('lists and empty sections in files', async () => {
  const path = await file(
    'stateDir: /x\nsockets:\nroots: []\ntls:\n  port: 1\n  bindings:\n    - identity: a\n      role: viewer\n    - {identity: b, role: admin}\n',
  );
  expect(loadConfig(schema, { argv: ['--config', path], env: {} })).toMatchObject({
    roots: [],
    sockets: { group: 'virtmesh' },
    tls: {
      bindings: [
        { identity: 'a', role: 'viewer' },
        { identity: 'b', role: 'admin' },
      ],
    },
  });
});

test('an unknown key is refused with its place and what was meant', async () => {
  const path = await file('stateDir: /x\nsockets:\n  grup: a\ntls:\n  port: 1\n  bindings:\n    - idenity: a\n      role: viewer\n');
  const { violations, message } = wrong(['--config', path, '--set', 'sockets.gruop=x']);
  expect(violations.map(({ field, description }) => `${field} ${description}`)).toEqual([
    `${path}:3:3: sockets.grup is not a known key; did you mean "group"?`,
    `${path}:7:7: tls.bindings.0.idenity is not a known key; did you mean "identity"?`,
    '--set sockets.gruop is not a known key; did you mean "sockets.group"?',
    expect.stringContaining('tls.bindings.0.identity is'),
  ]);
  expect(message.split('\n')).toHaveLength(5);
});

test.each([
  ['a wrong value in the file', 'stateDir: /x\ndrainMs: soon\n', {}, [], /c\.yaml:2:10: drainMs is wrong: .*expected (number|int)/],
  [
    'a wrong value inside a list',
    'stateDir: /x\ntls: {port: 1, bindings: [{identity: a, role: god}]}\n',
    {},
    [],
    /c\.yaml:2:47: tls\.bindings\.0\.role is wrong: .*"viewer"\|"admin"/,
  ],
  ['a wrong value of the environment', 'stateDir: /x\n', { VIRTMESH_NODE: 'UP' }, [], /VIRTMESH_NODE: node is wrong: must be lower case/],
  ['a wrong value of a flag', 'stateDir: /x\n', {}, ['--set', 'drainMs=-1'], /--set drainMs: drainMs is wrong/],
  ['a missing value', 'node: a\n', {}, [], /stateDir is missing: set it in the file, by VIRTMESH_STATE_DIR or by --set stateDir=VALUE/],
  ['a section that is a value', 'stateDir: /x\nsockets: 3\n', {}, [], /c\.yaml:2:10: sockets is wrong/],
  ['a file that is no mapping', '- a\n- b\n', {}, [], /c\.yaml:1:1 must be keys/],
  ['a file that is not YAML', 'stateDir: [\n', {}, [], /c\.yaml .*at line/],
  ['a key given twice', 'stateDir: /x\nstateDir: /y\n', {}, [], /c\.yaml .*unique/],
  ['a flag without a value', 'stateDir: /x\n', {}, ['--set', 'drainMs'], /must be of the form a\.b=value/],
  ['a flag that is not YAML', 'stateDir: /x\n', {}, ['--set', 'drainMs=['], /is not YAML/],
  ['a flag that is not known', 'stateDir: /x\n', {}, ['--verbose'], /--verbose.*--config FILE and --set/],
  ['an argument', 'stateDir: /x\n', {}, ['start'], /start.*--config FILE and --set/],
])('%s is named with its place', async (_name, text, env, argv, words) => {
  expect(wrong(['--config', await file(text), ...argv], env).message).toMatch(words);
});

test('names that lead out of the structure set nothing', () => {
  expect(wrong(['--set', 'stateDir=/x', '--set', '__proto__.polluted=1']).message).toContain('is not a known key');
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
});

test('suggestions are near, or none', () => {
  expect(suggest('listn', ['listen', 'list'])).toBe('listen');
  expect(suggest('xyzzy', ['listen', 'node'])).toBeUndefined();
});
