import { join } from 'node:path';
import { serviceNodeEnvironment, serviceNodeFlags } from '@virtmesh/kit';

const repository = join(import.meta.dirname, '../..');

export const serviceEnvironment = {
  ...serviceNodeEnvironment,
  /** Where Node keeps what it compiled: a service then starts faster and needs less memory. */
  NODE_COMPILE_CACHE: join(repository, '.cache/node'),
  NODE_NO_WARNINGS: '1',
};

/** The command of a service of this repository. The units in deploy/systemd have the same. */
export const serviceCommand = (name: string, configFile: string): [string, ...string[]] => [
  process.execPath,
  ...serviceNodeFlags,
  join(repository, 'services', name, 'src/main.ts'),
  '--config',
  configFile,
];
