/** A small workspace, by path and content. */
type Files = Readonly<Record<string, string>>;

/** A change of a workspace in order that breaks exactly one rule. */
interface PlantedBreach {
  readonly rule: string;
  readonly plants: string;
  readonly files: Files;
}

function manifest(name: string, layer: string, dependencies: readonly string[] = []): string {
  return JSON.stringify({
    name: `@virtmesh/${name}`,
    exports: { '.': './src/index.ts', './parts/*': './src/parts/*.ts' },
    nx: { tags: [`layer:${layer}`] },
    dependencies: Object.fromEntries(dependencies.map((each) => [each, '*'])),
  });
}

/** A workspace that keeps all rules, with a package of each kind that the rules speak of. */
export const orderlyWorkspace: Files = {
  'package.json': JSON.stringify({
    name: 'root',
    workspaces: [
      'libs/base',
      'libs/contracts',
      'libs/kit',
      'libs/store',
      'libs/events',
      'libs/host',
      'libs/drivers/*',
      'services/*',
      'test',
    ],
    devDependencies: { vitest: '1' },
  }),
  'libs/base/package.json': manifest('base', 'base'),
  'libs/base/src/index.ts': "export { a } from './a.ts';\n",
  'libs/base/src/a.ts': "import { createHash } from 'node:crypto';\nexport const a = createHash;\n",
  'libs/base/src/a.test.ts':
    "import { readFileSync } from 'node:fs';\nimport { it } from 'vitest';\nit('reads', () => void readFileSync('a'));\n",
  'libs/contracts/package.json': manifest('contracts', 'contracts'),
  'libs/contracts/src/index.ts': 'export {};\n',
  'libs/contracts/src/parts/domain.ts': 'export interface Domain {}\n',
  'libs/kit/package.json': manifest('kit', 'kit', ['@virtmesh/base', '@virtmesh/contracts', 'pino']),
  'libs/kit/src/index.ts':
    "import pino from 'pino';\nimport '@virtmesh/base';\nimport type { Domain } from '@virtmesh/contracts/parts/domain';\nexport const log: Domain = pino();\n",
  'libs/store/package.json': manifest('store', 'store', ['@virtmesh/base']),
  'libs/store/src/index.ts': "import { DatabaseSync } from 'node:sqlite';\nexport const open = DatabaseSync;\n",
  'libs/events/package.json': manifest('events', 'events', ['@virtmesh/base', 'nats']),
  'libs/events/src/index.ts': "import 'nats';\n",
  'libs/host/package.json': manifest('host', 'host', ['@virtmesh/driver-spi']),
  'libs/host/src/index.ts':
    "import 'node:child_process';\nimport type { Host } from '@virtmesh/driver-spi';\nexport const host: Host = {};\n",
  'libs/drivers/spi/package.json': manifest('driver-spi', 'spi', ['@virtmesh/base']),
  'libs/drivers/spi/src/index.ts': 'export interface Host {}\n',
  'libs/drivers/support/package.json': manifest('driver-support', 'driver-support', ['@virtmesh/driver-spi']),
  'libs/drivers/support/src/index.ts': "import type { Host } from '@virtmesh/driver-spi';\nexport const stat = (host: Host) => host;\n",
  'libs/drivers/qemu/package.json': manifest('driver-qemu', 'driver', [
    '@virtmesh/base',
    '@virtmesh/driver-spi',
    '@virtmesh/driver-support',
  ]),
  'libs/drivers/qemu/src/index.ts':
    "import { isIP } from 'node:net';\nimport { stat } from '@virtmesh/driver-support';\nimport type { Host } from '@virtmesh/driver-spi';\nexport const driver = (process: Host) => [process.toString(), isIP, stat];\n",
  'libs/drivers/qemu/src/simulator/main.ts':
    "import { createServer } from 'node:net';\nimport { world } from './world.ts';\nexport const serve = () => createServer(() => world(process.argv));\n",
  'libs/drivers/qemu/src/simulator/world.ts': 'export const world = (args: readonly string[]) => args;\n',
  'libs/drivers/lxc/package.json': manifest('driver-lxc', 'driver', ['@virtmesh/driver-spi']),
  'libs/drivers/lxc/src/index.ts': "import type { Host } from '@virtmesh/driver-spi';\nexport type Lxc = Host;\n",
  'services/node-agent/package.json': manifest('node-agent', 'service', [
    '@virtmesh/base',
    '@virtmesh/driver-qemu',
    '@virtmesh/host',
    '@virtmesh/kit',
    '@virtmesh/store',
  ]),
  'services/node-agent/src/index.ts': "export { context } from './context.ts';\n",
  'services/node-agent/src/drivers.ts': "import { driver } from '@virtmesh/driver-qemu';\nexport const drivers = [driver];\n",
  'services/node-agent/src/context.ts':
    "import { files } from './adapters/files.ts';\nimport { get } from './rpc/get.ts';\nexport const context = [files, get];\n",
  'services/node-agent/src/adapters/files.ts': "import '@virtmesh/host';\nexport const files = 1;\n",
  'services/node-agent/src/rpc/get.ts': "import { state } from '../model/state.ts';\nexport const get = state;\n",
  'services/node-agent/src/model/state.ts': "import { a } from '@virtmesh/base';\nexport const state = a;\n",
  'services/domain-svc/package.json': manifest('domain-svc', 'service', ['@virtmesh/kit']),
  'services/domain-svc/src/index.ts': "import '@virtmesh/kit';\n",
  'test/package.json': manifest('test', 'test', ['@virtmesh/node-agent']),
  'test/e2e/agent.test.ts': "import '@virtmesh/node-agent';\nimport 'node:child_process';\n",
};

/** At least one breach of every rule; a name may come more than once. */
export const plantedBreaches: readonly PlantedBreach[] = [
  {
    rule: 'no-file-cycle',
    plants: 'two files that need each other',
    files: {
      'libs/base/src/a.ts': "import { b } from './b.ts';\nexport const a = () => b;\n",
      'libs/base/src/b.ts': "import { a } from './a.ts';\nexport const b = () => a;\n",
    },
  },
  {
    rule: 'no-escape',
    plants: 'a relative import of another package',
    files: { 'libs/kit/src/index.ts': "import { a } from '../../base/src/a.ts';\nexport { a };\n" },
  },
  { rule: 'no-escape', plants: 'an absolute import', files: { 'libs/kit/src/index.ts': "export { a } from '/libs/base/src/a.ts';\n" } },
  {
    rule: 'no-deep-import',
    plants: 'an import past the exports',
    files: { 'libs/kit/src/index.ts': "export { a } from '@virtmesh/base/src/a.ts';\n" },
  },
  {
    rule: 'no-deep-import',
    plants: 'a type past the exports',
    files: { 'libs/kit/src/index.ts': "export type A = import('@virtmesh/base/a').A;\n" },
  },
  {
    rule: 'declared-dependency',
    plants: 'a package that happens to be installed',
    files: { 'libs/kit/src/index.ts': "import 'semver';\n" },
  },
  {
    rule: 'declared-dependency',
    plants: "a development dependency in the product's code",
    files: { 'libs/kit/src/index.ts': "import 'vitest';\n" },
  },
  {
    rule: 'no-hidden-import',
    plants: 'an import by a computed name',
    files: { 'libs/kit/src/index.ts': 'export const load = async (name: string) => import(`@virtmesh/${name}`);\n' },
  },
  {
    rule: 'no-hidden-import',
    plants: 'createRequire',
    files: { 'libs/kit/src/index.ts': "import { createRequire } from 'node:module';\nexport const load = createRequire('/');\n" },
  },
  {
    rule: 'known-layer',
    plants: 'a package without a layer',
    files: { 'libs/events/package.json': manifest('events', 'misc', ['nats']), 'libs/events/src/index.ts': 'export {};\n' },
  },
  {
    rule: 'pure',
    plants: 'a file read in base',
    files: { 'libs/base/src/a.ts': "import { readFileSync } from 'node:fs';\nexport const a = readFileSync;\n" },
  },
  { rule: 'pure', plants: 'the environment in base', files: { 'libs/base/src/a.ts': 'export const a = process.env;\n' } },
  {
    rule: 'pure',
    plants: 'a model that opens sockets',
    files: {
      'services/node-agent/src/model/state.ts': "import { connect, isIP } from 'node:net';\nexport const state = [connect, isIP];\n",
    },
  },
  {
    rule: 'layers',
    plants: 'a driver that imports the kit',
    files: {
      'libs/drivers/qemu/package.json': manifest('driver-qemu', 'driver', ['@virtmesh/kit']),
      'libs/drivers/qemu/src/index.ts': "import '@virtmesh/kit';\n",
    },
  },
  {
    rule: 'layers',
    plants: 'a driver that imports another driver',
    files: {
      'libs/drivers/qemu/package.json': manifest('driver-qemu', 'driver', ['@virtmesh/driver-lxc']),
      'libs/drivers/qemu/src/index.ts': "import type { Lxc } from '@virtmesh/driver-lxc';\nexport type Q = Lxc;\n",
    },
  },
  {
    rule: 'layers',
    plants: 'what drivers share that imports a driver',
    files: {
      'libs/drivers/support/package.json': manifest('driver-support', 'driver-support', ['@virtmesh/driver-lxc']),
      'libs/drivers/support/src/index.ts': "import type { Lxc } from '@virtmesh/driver-lxc';\nexport const stat = (lxc: Lxc) => lxc;\n",
    },
  },
  {
    rule: 'layers',
    plants: 'a driver interface that imports the store',
    files: {
      'libs/drivers/spi/package.json': manifest('driver-spi', 'spi', ['@virtmesh/store']),
      'libs/drivers/spi/src/index.ts': "import '@virtmesh/store';\nexport interface Host {}\n",
    },
  },
  {
    rule: 'driver-through-host',
    plants: 'a driver that runs programs',
    files: { 'libs/drivers/qemu/src/index.ts': "import { open } from 'node:fs/promises';\nexport const driver = open;\n" },
  },
  {
    rule: 'driver-through-host',
    plants: 'what drivers share that reads files',
    files: { 'libs/drivers/support/src/index.ts': "import { stat } from 'node:fs/promises';\nexport { stat };\n" },
  },
  {
    rule: 'driver-through-host',
    plants: 'a driver that kills',
    files: { 'libs/drivers/qemu/src/index.ts': "export const driver = () => process.kill(1, 'SIGKILL');\n" },
  },
  {
    rule: 'driver-through-host',
    plants: 'a file beside the program of a driver, which the agent could load',
    files: {
      'libs/drivers/qemu/src/simulator/world.ts': "import { readFileSync } from 'node:fs';\nexport const world = readFileSync;\n",
    },
  },
  {
    rule: 'driver-through-host',
    plants: 'a program of a driver by another name',
    files: { 'libs/drivers/qemu/src/simulator/program.ts': "import 'node:fs';\n" },
  },
  {
    rule: 'no-program-import',
    plants: 'an agent that loads the program of a driver',
    files: { 'libs/drivers/qemu/src/index.ts': "export { serve as driver } from './simulator/main.ts';\n" },
  },
  {
    rule: 'only-drivers-file',
    plants: 'a driver in context.ts',
    files: { 'services/node-agent/src/context.ts': "import { driver } from '@virtmesh/driver-qemu';\nexport const context = driver;\n" },
  },
  {
    rule: 'no-service-import',
    plants: 'a service that imports a service',
    files: {
      'services/domain-svc/package.json': manifest('domain-svc', 'service', ['@virtmesh/node-agent']),
      'services/domain-svc/src/index.ts': "import '@virtmesh/node-agent';\n",
    },
  },
  {
    rule: 'rpc-inward',
    plants: 'a handler that reaches for everything',
    files: { 'services/node-agent/src/rpc/get.ts': "import type { context } from '../context.ts';\nexport type Get = typeof context;\n" },
  },
  {
    rule: 'model-inward',
    plants: 'a model that knows a handler',
    files: {
      'services/node-agent/src/model/state.ts': "import type { get } from '../rpc/get.ts';\nexport type State = typeof get;\n",
      'services/node-agent/src/rpc/get.ts': 'export const get = 1;\n',
    },
  },
  {
    rule: 'only-context-wires',
    plants: 'a handler that takes an adapter',
    files: { 'services/node-agent/src/rpc/get.ts': "import { files } from '../adapters/files.ts';\nexport const get = files;\n" },
  },
  {
    rule: 'engine-owner',
    plants: 'NATS outside events',
    files: { 'libs/kit/package.json': manifest('kit', 'kit', ['nats']), 'libs/kit/src/index.ts': "import 'nats';\n" },
  },
  {
    rule: 'engine-owner',
    plants: 'SQLite outside the store',
    files: { 'libs/kit/src/index.ts': "import { DatabaseSync } from 'node:sqlite';\nexport const open = DatabaseSync;\n" },
  },
  {
    rule: 'engine-owner',
    plants: 'a program run outside the host',
    files: { 'libs/store/src/index.ts': "import { spawn } from 'node:child_process';\nexport const run = spawn;\n" },
  },
];
