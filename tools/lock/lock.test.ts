import { describe, expect, it } from 'vitest';
import { completed, type Lock, lockFaults, missingPackages } from './lock.ts';

const lock: Lock = {
  packages: {
    '': {},
    'libs/a': { optionalDependencies: { 'native-linux-x64-gnu': '^1.2.3' } },
    'node_modules/bundler': {
      version: '2.0.0',
      dev: true,
      optionalDependencies: { '@b/linux-x64-musl': '2.0.0', '@b/darwin-arm64': '2.0.0', '@b/wasm32-wasi': '2.0.0' },
    },
    'node_modules/bundler/node_modules/@b/linux-x64-musl': { version: '2.0.0' },
    'node_modules/outer/node_modules/inner': {
      version: '1.0.0',
      optionalDependencies: { 'native-linux-x64-gnu': '1.2.3', hoisted: '1.0.0' },
    },
    'node_modules/hoisted': { version: '1.0.0' },
  },
};

describe('lock', () => {
  it('lacks the optional packages that nobody has installed above', () => {
    expect(missingPackages(lock).map(({ name, version }) => `${name}@${version}`)).toEqual([
      'native-linux-x64-gnu@1.2.3',
      '@b/darwin-arm64@2.0.0',
      '@b/wasm32-wasi@2.0.0',
    ]);
  });

  it('is completed with packages for other platforms, and then lacks nothing', () => {
    const { packages } = completed(lock);
    expect(packages['node_modules/@b/darwin-arm64']).toEqual({
      version: '2.0.0',
      dev: true,
      optional: true,
      os: ['darwin'],
      cpu: ['arm64'],
    });
    expect(packages['node_modules/native-linux-x64-gnu']).toEqual({
      version: '1.2.3',
      optional: true,
      os: ['linux'],
      cpu: ['x64'],
      libc: ['glibc'],
    });
    expect(packages['node_modules/@b/wasm32-wasi']).toEqual({ version: '2.0.0', dev: true, optional: true, os: ['none'], cpu: ['wasm32'] });
    expect(lockFaults({ packages })).toEqual([]);
  });

  it('must not say where a package is fetched from', () => {
    expect(
      lockFaults({ packages: { 'node_modules/a': { resolved: 'https://registry.example/a.tgz' }, 'libs/a': { resolved: 'libs/a' } } }),
    ).toEqual([expect.stringContaining('node_modules/a names where it is fetched from')]);
  });
});
