import { hostname } from 'node:os';
import { isNodeId, nodeIdRule } from '@virtmesh/base';
import { z } from 'zod';

const role = z.enum(['viewer', 'operator', 'admin', 'raw']);
const absolute = z.string().regex(/^\//, 'must be an absolute path');

/** The host's name as a node id. */
const defaultNode = (): string =>
  hostname()
    .split('.')[0]
    ?.toLowerCase()
    .replace(/[^a-z0-9-]/g, '-')
    .replace(/^-+|-+$/g, '') || 'node';

const milliseconds = z.number().min(0);
/** How long something takes in the simulation of the test driver. */
const latency = z.discriminatedUnion('t', [
  z.strictObject({ t: z.literal('constant'), ms: milliseconds }),
  z.strictObject({ t: z.literal('uniform'), minMs: milliseconds, maxMs: milliseconds }),
  z.strictObject({ t: z.literal('normal'), meanMs: milliseconds, deviationMs: milliseconds }),
  z.strictObject({ t: z.literal('exponential'), meanMs: milliseconds }),
]);

/** How much of each console's output is kept: files of a size, which go round. */
const consoleLog = z
  .strictObject({ maxBytes: z.int().min(4096).default(1_048_576), files: z.int().min(2).max(10).default(2) })
  .prefault({});

/** Those that hold nothing of the node's, or open something new for each who opens them. */
const harmlessDevices = ['null', 'zero', 'full', 'random', 'urandom', 'tty', 'fuse', 'net/tun', 'kvm', 'vhost-net', 'vhost-vsock'].map(
  (name) => `/dev/${name}`,
);

/** The agent's configuration beside what every service has (`log`, `metrics`, `drainMs`); every field can stand in the file, in the environment and on the command line. */
export const agentConfig = z.strictObject({
  node: z.string().refine(isNodeId, `must be ${nodeIdRule}`).default(defaultNode),
  /** Definitions, journal, console logs, UEFI variables: kept over restarts of the host. */
  stateDir: absolute.default('/var/lib/virtmesh/agent'),
  /** Sockets of guests: gone with a restart of the host. Short, since a socket's path has at most 107 characters. */
  runDir: absolute.default('/run/virtmesh/guests'),
  cacheDir: absolute.default('/var/cache/virtmesh'),
  sockets: z
    .strictObject({
      path: absolute.default('/run/virtmesh/agent.sock'),
      readOnlyPath: absolute.default('/run/virtmesh/agent-ro.sock'),
      /** The group whose members may use the sockets. */
      group: z.string().default('virtmesh'),
      /** What callers on the first socket may do. */
      role: role.default('raw'),
    })
    .prefault({}),
  tls: z
    .strictObject({
      host: z.string().default('127.0.0.1'),
      port: z.int().min(0).max(65535).default(7701),
      cert: absolute,
      key: absolute,
      ca: absolute,
      /** How services reach this agent, if not by host and port above. */
      advertise: z.string().optional(),
      bindings: z.array(z.strictObject({ identity: z.string(), role })).default([]),
    })
    .optional(),
  nats: z
    .strictObject({
      servers: z.array(z.string()).min(1),
      ca: absolute.optional(),
      cert: absolute.optional(),
      key: absolute.optional(),
      user: z.string().optional(),
      password: z.string().optional(),
    })
    .optional(),
  /** The directories below which disks, kernels and the like may be. */
  pathRoots: z.array(absolute).default(['/var/lib/virtmesh', '/var/lib/libvirt/images', '/srv', '/usr/share', '/var/cache/virtmesh']),
  /** What of the node's devices may be given to guests: device files or directories of them, and network interfaces by name. */
  hostDevices: z
    .strictObject({
      paths: z.array(absolute).default(harmlessDevices),
      interfaces: z.array(z.string()).default([]),
    })
    .prefault({}),
  lxc: z
    .strictObject({
      consoleLog,
    })
    .prefault({}),
  qemu: z
    .strictObject({
      binary: absolute.optional(),
      accelerator: z.enum(['auto', 'tcg']).default('auto'),
      guestUids: z.strictObject({ first: z.int().min(1), count: z.int().min(1) }).default({ first: 700_000, count: 10_000 }),
      vncPorts: z
        .strictObject({ first: z.int().min(5900).max(65535), last: z.int().min(5900).max(65535) })
        .refine(({ first, last }) => first <= last, { path: ['last'], message: 'must not be less than first' })
        .default({ first: 5900, last: 6899 }),
      consoleLog,
    })
    .prefault({}),
  /** The test driver, whose guests are simulated; without this the agent has none. */
  test: z
    .strictObject({
      seed: z.int().default(1),
      /** Simulated seconds in a real one. */
      clockScale: z.number().min(0).default(1),
      /** By verb, such as `create`, by what guests do (`boot`, `power-off`, `let-go`), or `default`. */
      latencies: z.record(z.string(), latency).default({}),
      /** The memory that all its guests have together; 0 for no bound. */
      capacityBytes: z.int().min(0).default(0),
      /** How long the simulator stays when it has no guest and no agent. */
      idleEndMs: z.int().min(100).default(30_000),
    })
    .optional(),
});
export type AgentConfig = z.infer<typeof agentConfig>;
