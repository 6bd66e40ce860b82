import { expect, it } from 'vitest';
import { guidance } from './guidance.ts';
import { devLayout } from './layout.ts';

it('shows commands that are for the same directories in another terminal', () => {
  const usual = guidance(devLayout({}));
  expect(usual).toMatch(/^ {2}\.\/dev stop +ends all/m);
  expect(usual).not.toContain('VIRTMESH_DEV_DIR');
  const second = guidance(devLayout({ VIRTMESH_DEV_DIR: '/tmp/second' }));
  expect(second).toMatch(/^ {2}VIRTMESH_DEV_DIR=\/tmp\/second \.\/dev stop +ends all/m);
  expect(second).toContain('the next VIRTMESH_DEV_DIR=/tmp/second ./dev start finds it');
  expect(second).toContain('bin/vmesh -c /tmp/second/run/domain-svc.sock list --all');
});
