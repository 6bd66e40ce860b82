/**
 * Which layers the product's files of each layer may import. A package names its layer by the tag `layer:...` in its
 * package.json. Everything may import `base`.
 */
export const layers: Readonly<Record<string, readonly string[]>> = {
  base: [],
  contracts: ['base'],
  kit: ['base', 'contracts'],
  store: ['base'],
  events: ['base', 'contracts'],
  operations: ['base', 'contracts', 'kit'],
  fleet: ['base', 'contracts', 'events', 'kit'],
  spi: ['base', 'contracts'],
  host: ['base', 'spi'],
  // What several drivers are made of.
  'driver-support': ['base', 'contracts', 'spi'],
  driver: ['base', 'contracts', 'driver-support', 'spi'],
  testkit: ['base', 'contracts', 'spi'],
  client: ['base', 'contracts', 'kit'],
  'client-app': ['base', 'client', 'contracts'],
  // Rules of their own say who may import drivers, and that nothing imports services.
  service: ['base', 'contracts', 'events', 'fleet', 'host', 'kit', 'operations', 'spi', 'store'],
  tools: ['base', 'client', 'contracts', 'driver', 'events', 'kit', 'spi', 'store'],
  test: [
    'base',
    'client',
    'client-app',
    'contracts',
    'driver',
    'events',
    'fleet',
    'host',
    'kit',
    'operations',
    'service',
    'spi',
    'store',
    'testkit',
    'tools',
  ],
};

/** What tests beside the sources of a layer may import on top: the real host for drivers, the suites for drivers, a server for clients. */
export const testLayers: Readonly<Record<string, readonly string[]>> = {
  'client-app': ['kit'],
  driver: ['host', 'testkit', 'tools'],
  'driver-support': ['host'],
  host: ['tools'],
};

/** Who alone may import an engine: layers, for the product's files. */
export const engineOwners: Readonly<Record<string, readonly string[]>> = {
  nats: ['events'],
  pino: ['kit'],
  '@prometheus-io/client': ['kit'],
  '@peculiar/x509': ['kit'],
  ssh2: ['client', 'driver'],
  koffi: ['host'],
  testcontainers: ['test'],
  'node:sqlite': ['store'],
  // The command line asks programs for their versions, and stty for a raw terminal.
  'node:child_process': ['client-app', 'host', 'kit', 'tools', 'test'],
  'node:cluster': [],
};

/** Names of other builtins that only compute. */
export const pureNames: Readonly<Record<string, readonly string[]>> = { 'node:net': ['isIP', 'isIPv4', 'isIPv6'] };

/** The builtins that only compute: what pure code and drivers may import. */
export const pureBuiltins: ReadonlySet<string> = new Set([
  'node:assert',
  'node:assert/strict',
  'node:buffer',
  'node:crypto',
  'node:events',
  'node:path',
  'node:path/posix',
  'node:querystring',
  'node:string_decoder',
  'node:url',
  'node:util',
  'node:stream',
  'node:stream/consumers',
  'node:stream/promises',
  'node:readline',
  'node:timers/promises',
  'node:zlib',
]);
