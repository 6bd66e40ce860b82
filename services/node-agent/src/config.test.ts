import { expect, it } from 'vitest';
import { agentConfig } from './config.ts';

it('a range of ports goes upwards', () => {
  expect(agentConfig.parse({}).qemu.vncPorts).toEqual({ first: 5900, last: 6899 });
  expect(agentConfig.parse({ qemu: { vncPorts: { first: 6000, last: 6000 } } }).qemu.vncPorts).toEqual({ first: 6000, last: 6000 });
  expect(agentConfig.safeParse({ qemu: { vncPorts: { first: 6001, last: 6000 } } }).error?.issues).toMatchObject([
    { path: ['qemu', 'vncPorts', 'last'], message: 'must not be less than first' },
  ]);
});
