import { Fault } from '@virtmesh/base';
import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { expect, test } from 'vitest';
import { requireAllowedDevices } from './allowed-devices.ts';

const spec = DomainSpec.fromPartial({
  hostDevices: [{ source: { $case: 'characterPath', value: '/dev/dri/card0' } }, { source: { $case: 'networkInterface', value: 'eth1' } }],
  filesystems: [{ source: { $case: 'devicePath', value: '/dev/vdb' }, target: '/x' }],
});

test('what is allowed is a device, all in a directory, or an interface', () => {
  expect(() => requireAllowedDevices(spec, { paths: ['/dev/dri', '/dev/vdb'], interfaces: ['eth1'] })).not.toThrow();
});

test('what is allowed no more is refused at a start, with what is and where to allow it', () => {
  try {
    requireAllowedDevices(spec, { paths: ['/dev/dr'], interfaces: [] });
    expect.unreachable();
  } catch (thrown) {
    const fault = Fault.from(thrown);
    expect(fault.reason).toBe('SPEC_INVALID');
    expect(fault.violations).toEqual([
      {
        field: 'spec.host_devices[0].character_path',
        description: expect.stringMatching(/"\/dev\/dri\/card0" may not be given .*allowed: \/dev\/dr\).*hostDevices\.paths/),
      },
      { field: 'spec.host_devices[1].network_interface', description: expect.stringContaining('allowed: none') },
      { field: 'spec.filesystems[0].device_path', description: expect.stringContaining('/dev/vdb') },
    ]);
  }
});
