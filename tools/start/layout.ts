import { hostname } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { Failure } from '../dev/failure.ts';

/** The ports that `./dev start` listens on, all on 127.0.0.1. */
export interface Ports {
  readonly control: number;
  readonly agent: number;
  readonly nats: number;
  readonly controlMetrics: number;
  readonly agentMetrics: number;
}

const defaultPorts: Ports = { control: 7700, agent: 7701, controlMetrics: 7710, agentMetrics: 7711, nats: 7722 };

/** Where everything of `./dev start` is. */
export interface DevLayout {
  /** Whether it is in the system's directories. */
  readonly isDefault: boolean;
  /** The node's id. */
  readonly node: string;
  readonly ports: Ports;
  /** All that is kept: state, keys, configuration, logs. */
  readonly directory: string;
  readonly pki: string;
  readonly config: string;
  readonly logs: string;
  /** The hello guest's kernel and initial ram disk. */
  readonly images: string;
  readonly natsData: string;
  readonly agentState: string;
  /** Who runs, and as which processes. */
  readonly instanceFile: string;
  /** Sockets, which are gone with a restart of the host. */
  readonly run: string;
  readonly controlSocket: string;
  readonly controlReadOnlySocket: string;
  readonly agentSocket: string;
  readonly agentReadOnlySocket: string;
}

/** What guests that run have: sockets, pipes, mounts. */
export const guestsDirectory = ({ run }: Pick<DevLayout, 'run'>): string => join(run, 'guests');

/** A command of `./dev` for this layout, as it is typed in any terminal: elsewhere it would be for the system's directories. */
export const devCommand = ({ isDefault, directory }: Pick<DevLayout, 'isDefault' | 'directory'>, command: string): string =>
  `${isDefault ? '' : `VIRTMESH_DEV_DIR=${directory} `}./dev ${command}`;

type Env = Readonly<Record<string, string | undefined>>;

/** The ports, with those of `VIRTMESH_DEV_PORTS` put in place: `nats=7722,control=7700`. */
export function devPorts(env: Env): Ports {
  const chosen = (env['VIRTMESH_DEV_PORTS'] ?? '')
    .split(',')
    .filter(Boolean)
    .map((entry) => {
      const [name = '', value = ''] = entry.split('=').map((part) => part.trim());
      const port = Number(value);
      if (!(name in defaultPorts))
        throw new Failure(`VIRTMESH_DEV_PORTS names "${name}"; there are ${Object.keys(defaultPorts).join(', ')}`, 2);
      if (!/^\d+$/.test(value) || port < 1 || port > 65_535)
        throw new Failure(`VIRTMESH_DEV_PORTS gives ${name} the port "${value}"; it must be 1 to 65535`, 2);
      return [name, port] as const;
    });
  const ports = { ...defaultPorts, ...Object.fromEntries(chosen) };
  const taken = Object.values(ports);
  if (new Set(taken).size < taken.length) throw new Failure(`VIRTMESH_DEV_PORTS gives one port to two: ${JSON.stringify(ports)}`, 2);
  return ports;
}

/** The host's name as a node's id. */
export function nodeId(name: string = hostname()): string {
  const [label = ''] = name.toLowerCase().split('.');
  return (
    label
      .replaceAll(/[^a-z0-9-]/g, '-')
      .replaceAll(/^-+|-+$/g, '')
      .slice(0, 63) || 'node'
  );
}

/** The layout: in the system's directories, or all below `VIRTMESH_DEV_DIR`, for a second one on the same machine. */
export function devLayout(env: Env = process.env): DevLayout {
  const chosen = env['VIRTMESH_DEV_DIR'];
  // Guests' sockets stand below it, and a socket's path has at most 107 bytes.
  if (chosen && (!isAbsolute(chosen) || chosen.length > 40))
    throw new Failure(`VIRTMESH_DEV_DIR is "${chosen}"; it must be an absolute path of at most 40 characters`, 2);
  const directory = chosen || '/var/lib/virtmesh/dev';
  const run = chosen ? join(chosen, 'run') : '/run/virtmesh';
  return {
    isDefault: !chosen,
    node: nodeId(),
    ports: devPorts(env),
    directory,
    pki: join(directory, 'pki'),
    config: join(directory, 'config'),
    logs: join(directory, 'logs'),
    images: join(directory, 'images'),
    natsData: join(directory, 'nats'),
    agentState: join(directory, 'agent'),
    instanceFile: join(directory, 'instance.json'),
    run,
    controlSocket: join(run, 'domain-svc.sock'),
    controlReadOnlySocket: join(run, 'domain-svc-ro.sock'),
    agentSocket: join(run, 'agent.sock'),
    agentReadOnlySocket: join(run, 'agent-ro.sock'),
  };
}
