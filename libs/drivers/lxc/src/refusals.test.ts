import { Fault } from '@virtmesh/base';
import { type ExecOrder, featureNames, type Host } from '@virtmesh/driver-spi';
import { expect, test } from 'vitest';
import type { DriverContext } from './context.ts';
import { execFeature } from './features/exec.ts';
import { explain } from './features/explain.ts';
import { truePath } from './process/sources.ts';

const guest = { uid: '4f5b3c1e-0000-4000-8000-000000000001', id: 'web' };
const container = { condition: { state: 'running' }, spec: {}, requireInit: () => ({ pid: 7 }) };

/** A container whose root holds the files, without a symlink in it. */
function contextWith(files: Readonly<Record<string, 'file' | 'directory'>>): DriverContext {
  const root = '/proc/7/root';
  const host = {
    files: {
      readLink: async () => undefined,
      stat: async (path: string) => {
        const kind = files[path.slice(root.length)];
        return kind && { kind };
      },
    },
  };
  return { host, guests: { running: () => container } } as unknown as DriverContext;
}

const order: ExecOrder = { command: ['true'], environment: {}, workingDirectory: '', uid: 0, gid: 0 };
const exec =
  (over: Partial<ExecOrder>, files: Parameters<typeof contextWith>[0] = {}) =>
  () =>
    execFeature(contextWith(files)).exec(guest, { ...order, ...over }, AbortSignal.timeout(5_000));

/** A file that is a symlink to elsewhere. */
const host = {
  files: {
    stat: async () => ({ kind: 'file' }),
    open: async () => ({ realPath: '/etc/shadow', stat: async () => ({ kind: 'file' }), [Symbol.asyncDispose]: async () => {} }),
  },
} as unknown as Host;

test.each<[rule: string, call: () => Promise<unknown>, field: string]>([
  ['a command has a program', exec({ command: [] }), 'open.command'],
  ['no text ends within itself', exec({ command: ['true', 'a\0b'] }), 'open'],
  ['variables have names', exec({ environment: { '1=2': '' } }), 'open.environment'],
  ['a command begins at an absolute path', exec({ workingDirectory: 'tmp' }), 'open.working_directory'],
  ['users are 0 or more', exec({ uid: -1 }), 'open.uid'],
  ['groups are 0 or more', exec({ gid: -1 }), 'open.gid'],
  ['a command begins in a directory', exec({ workingDirectory: '/tmp' }, { '/tmp': 'file' }), 'open.working_directory'],
  ['it needs a shell to begin elsewhere', exec({ workingDirectory: '/tmp' }, { '/tmp': 'directory' }), 'open.working_directory'],
  ['the container has the program', exec({ command: ['/bin/no'] }, { '/bin': 'directory' }), 'open.command'],
  [
    'a path leads below an allowed root',
    () => truePath({ host, pathRoots: ['/images'] }, '/images/link', 'file', 'filesystems[0].image_path'),
    'filesystems[0].image_path',
  ],
])('%s', async (_rule, call, field) => {
  const fault = await call().then(
    () => undefined,
    (thrown: unknown) => Fault.from(thrown),
  );
  expect(fault?.violations.map((each) => each.field)).toEqual([field]);
});

test.each(featureNames.filter((name) => /[A-Z]/.test(name)))('why there is no %s is told without that name', (name) => {
  const verdict = explain({}, undefined, name);
  expect(verdict).toEqual({ supported: false, why: expect.not.stringContaining(name) as unknown });
});
