import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { agentPermissions } from '@virtmesh/events';
import { type CertificateFiles, ensureCertificates } from '@virtmesh/kit/certificates';
import { type DevLayout, guestsDirectory } from './layout.ts';

/** The files that the services are started with. */
export interface ConfigFiles {
  readonly nats: string;
  readonly agent: string;
  readonly control: string;
}

/** A user of nats-server. */
export interface NatsUser {
  readonly user: string;
  readonly password: string;
}

/** All that the services are configured with. */
export interface Configuration {
  readonly files: ConfigFiles;
  /** Who follows events on NATS: may read and write all. */
  readonly natsAdmin: NatsUser;
}

interface Secrets {
  readonly agent: string;
  readonly control: string;
  readonly admin: string;
}

/** The user that `./dev start` and people at the terminal are by certificate; with the role raw. */
const adminIdentity = 'virtmesh://user/admin';
/** It forwards who calls; agents let nobody do more by it than it may do itself. */
const controlIdentity = 'virtmesh://service/domain-svc';

async function ensureSecrets(path: string): Promise<Secrets> {
  const known = await readFile(path, 'utf8').catch(() => undefined);
  if (known !== undefined) return JSON.parse(known) as Secrets;
  const password = (): string => randomBytes(24).toString('base64url');
  const secrets = { agent: password(), control: password(), admin: password() };
  await writeFile(path, JSON.stringify(secrets), { mode: 0o600 });
  return secrets;
}

async function writeConfig(path: string, content: object): Promise<string> {
  // JSON is YAML, and nats-server reads it too. The files hold passwords.
  await writeFile(path, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
  return path;
}

function natsConfig({ ports, natsData, node }: DevLayout, secrets: Secrets): object {
  return {
    listen: `127.0.0.1:${ports.nats}`,
    server_name: 'virtmesh-dev',
    jetstream: { store_dir: natsData, max_memory_store: 64 * 2 ** 20, max_file_store: 2 * 2 ** 30 },
    authorization: {
      users: [
        { user: `agent-${node}`, password: secrets.agent, permissions: agentPermissions(node) },
        { user: 'domain-svc', password: secrets.control },
        { user: 'admin', password: secrets.admin },
      ],
    },
  };
}

function agentConfig(layout: DevLayout, secrets: Secrets, certificate: CertificateFiles): object {
  const { ports } = layout;
  return {
    node: layout.node,
    stateDir: layout.agentState,
    runDir: guestsDirectory(layout),
    sockets: { path: layout.agentSocket, readOnlyPath: layout.agentReadOnlySocket },
    tls: {
      port: ports.agent,
      ...certificate,
      bindings: [
        { identity: adminIdentity, role: 'raw' },
        { identity: controlIdentity, role: 'raw' },
      ],
    },
    nats: { servers: [`127.0.0.1:${ports.nats}`], user: `agent-${layout.node}`, password: secrets.agent },
    pathRoots: ['/var/lib/virtmesh', '/var/lib/libvirt/images', '/srv', '/usr/share', '/var/cache/virtmesh', layout.images],
    metrics: { port: ports.agentMetrics },
    log: { pretty: true },
  };
}

function controlConfig(layout: DevLayout, secrets: Secrets, certificate: CertificateFiles): object {
  const { ports } = layout;
  return {
    sockets: { path: layout.controlSocket, readOnlyPath: layout.controlReadOnlySocket },
    tls: { port: ports.control, ...certificate, bindings: [{ identity: adminIdentity, role: 'raw' }] },
    nats: { servers: [`127.0.0.1:${ports.nats}`], user: 'domain-svc', password: secrets.control },
    metrics: { port: ports.controlMetrics },
    log: { pretty: true },
  };
}

/** Makes the keys and configuration files of the services; keys and passwords that are there stay as they are. */
export async function ensureConfiguration(layout: DevLayout): Promise<Configuration> {
  // Guests run as users of their own and reach their images through it, and nothing else.
  await mkdir(layout.directory, { recursive: true, mode: 0o711 });
  for (const directory of [layout.config, layout.logs]) await mkdir(directory, { recursive: true, mode: 0o700 });
  const hosts = ['127.0.0.1', 'localhost'];
  const [agent, control] = await ensureCertificates(
    [
      { identity: `virtmesh://node/${layout.node}`, hosts },
      { identity: controlIdentity, hosts },
      { identity: adminIdentity, fileName: 'client' },
    ],
    { directory: layout.pki },
  );
  if (agent === undefined || control === undefined) throw new Error('certificates are missing');
  const secrets = await ensureSecrets(join(layout.config, 'passwords.json'));
  return {
    files: {
      nats: await writeConfig(join(layout.config, 'nats-server.conf'), natsConfig(layout, secrets)),
      agent: await writeConfig(join(layout.config, 'node-agent.yaml'), agentConfig(layout, secrets, agent)),
      control: await writeConfig(join(layout.config, 'domain-svc.yaml'), controlConfig(layout, secrets, control)),
    },
    natsAdmin: { user: 'admin', password: secrets.admin },
  };
}
