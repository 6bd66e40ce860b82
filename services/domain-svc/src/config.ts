import { z } from 'zod';

const role = z.enum(['viewer', 'operator', 'admin', 'raw']);
const absolute = z.string().regex(/^\//, 'must be an absolute path');
const pemFiles = { cert: absolute, key: absolute, ca: absolute };

/** The configuration of domain-svc; every field can stand in the file, in the environment and on the command line. */
export const domainServiceConfig = z.strictObject({
  sockets: z
    .strictObject({
      path: absolute.default('/run/virtmesh/domain-svc.sock'),
      readOnlyPath: absolute.default('/run/virtmesh/domain-svc-ro.sock'),
      /** The group whose members may use the sockets. */
      group: z.string().default('virtmesh'),
      /** What callers on the first socket may do. */
      role: role.default('raw'),
    })
    .prefault({}),
  tls: z
    .strictObject({
      host: z.string().default('127.0.0.1'),
      port: z.int().min(0).max(65_535).default(7700),
      ...pemFiles,
      bindings: z.array(z.strictObject({ identity: z.string(), role })).default([]),
    })
    .optional(),
  /** The certificate that agents know this service by: `virtmesh://service/...`. Left out, that of `tls`. */
  agents: z.strictObject(pemFiles).optional(),
  nats: z
    .strictObject({
      servers: z.array(z.string()).min(1).default(['127.0.0.1:4222']),
      ca: absolute.optional(),
      cert: absolute.optional(),
      key: absolute.optional(),
      user: z.string().optional(),
      password: z.string().optional(),
      /** On how many servers of a NATS cluster everything is kept. */
      replicas: z.int().min(1).max(5).default(1),
      /** How long events are kept, in hours, and how many bytes of them; used when the stream is made. */
      eventHours: z
        .number()
        .min(1)
        .max(24 * 366)
        .default(168),
      eventBytes: z
        .int()
        .min(1024 ** 2)
        .default(1024 ** 3),
    })
    .prefault({}),
  metrics: z.strictObject({ host: z.string().default('127.0.0.1'), port: z.int().min(0).max(65_535).default(7710) }).optional(),
  log: z
    .strictObject({ level: z.enum(['debug', 'info', 'warn', 'error']).default('info'), pretty: z.boolean().default(false) })
    .prefault({}),
  /** How long an agent may be silent before its node is taken as unreachable, in milliseconds. Agents give a sign of life every 5 s. */
  silenceMs: z.int().min(6_000).max(600_000).default(15_000),
  /** How long calls may take to end when the service is asked to stop, in milliseconds. */
  drainMs: z.int().min(0).max(600_000).default(10_000),
});
export type DomainServiceConfig = z.infer<typeof domainServiceConfig>;
