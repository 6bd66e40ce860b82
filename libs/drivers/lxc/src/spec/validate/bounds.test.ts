import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { expect, test } from 'vitest';
import { legacy, recordedPlaces, recordedProfile, violationsOf } from '../../testing/config-input.ts';
import { goldens } from '../../testing/goldens.ts';
import { nodePath } from './path.ts';
import { consoles, cpu } from './resources.ts';

type Given = NonNullable<Parameters<typeof DomainSpec.fromPartial>[0]>;
const base = goldens['minimal']?.(recordedPlaces) as Given;

const many = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, index) => make(index));
const ids = [{ start: 0n, target: 100_000n, count: 1n }];
const idMap = { uids: ids, gids: ids };
const inContainer = (container: Given['container']): Given => ({ container: container ?? {} });
const init = (given: object): Given => inContainer({ init: { path: '/bin/x', ...given } });
const filesystems = (...given: Given['filesystems'] & object): Given => ({ filesystems: [...(base.filesystems ?? []), ...given] });
const directory = { $case: 'directoryPath' as const, value: '/srv/images/x' };
const ram = { $case: 'ram' as const, value: { sizeBytes: 4096n } };
const bridged = (given: object = {}): object => ({ backend: { $case: 'bridge', value: { bridge: 'br0' } }, ...given });
const given = (name: string) => ({ source: { $case: 'networkInterface' as const, value: name } });
const device = { source: { $case: 'characterPath' as const, value: '/dev/zero' } };
const shared = { network: { source: { $case: 'domain' as const, value: 'other' } } };
const long = `/${'x/'.repeat(2100)}x`;

/** How much of each there can be, and what excludes what. */
const refused: readonly (readonly [string, Given, readonly string[]])[] = [
  ['more vCPUs than any node has', { cpu: { vcpus: 8193, maxVcpus: 8193 } }, ['cpu.vcpus', 'cpu.max_vcpus']],
  ['too many consoles', { consoles: many(17, () => ({})) }, ['consoles']],
  [
    'too many variables',
    init({ environment: Object.fromEntries(many(257, (index) => [`A${index}`, 'x'])) }),
    ['container.init.environment'],
  ],
  ['a variable that is too long', init({ environment: { A: 'x'.repeat(4097) } }), ['container.init.environment["A"]']],
  ['the variable that is LXC’s', init({ environment: { container: 'x' } }), ['container.init.environment["container"]']],
  ['a path that is too long', init({ path: long }), ['container.init.path']],
  ['a name in a path that is too long', init({ path: `/${'x'.repeat(256)}` }), ['container.init.path']],
  ['a capability twice', inContainer({ capabilities: { keep: ['kill', 'kill'] } }), ['container.capabilities.keep[1]']],
  [
    'too many ranges of ids',
    inContainer({ idMap: { uids: many(33, (index) => ({ start: BigInt(index), target: BigInt(index + 1), count: 1n })), gids: ids } }),
    ['container.id_map.uids'],
  ],
  [
    'ids below 0',
    inContainer({ idMap: { uids: [...ids, { start: -5n, target: 1n, count: 1n }], gids: ids } }),
    ['container.id_map.uids[1].start'],
  ],
  [
    'scratch with mapped ids',
    { ...inContainer({ idMap }), ...filesystems({ source: directory, target: '/x', scratch: true }) },
    ['filesystems[1].scratch'],
  ],
  [
    'an interface of the node with mapped ids',
    { ...inContainer({ idMap }), hostDevices: [given('eth9')] },
    ['host_devices[0].network_interface'],
  ],
  ['interfaces in the network of another', { ...inContainer({ namespaces: shared }), interfaces: [bridged()] }, ['interfaces']],
  [
    'an interface of the node in the network of another',
    { ...inContainer({ namespaces: shared }), hostDevices: [given('eth9')] },
    ['host_devices[0].network_interface'],
  ],
  ['a namespace of nobody', inContainer({ namespaces: { uts: {} } }), ['container.namespaces.uts']],
  [
    'a namespace of what is no domain',
    inContainer({ namespaces: { uts: { source: { $case: 'domain', value: '../x' } } } }),
    ['container.namespaces.uts.domain'],
  ],
  ['too many file systems', filesystems(...many(64, (index) => ({ source: ram, target: `/x${index}` }))), ['filesystems']],
  ['memory as root', { filesystems: [{ source: ram, target: '/' }] }, ['filesystems[0].ram']],
  ['a type of a directory', filesystems({ source: directory, target: '/x', type: 'ext4' }), ['filesystems[1].type']],
  ['scratch over memory', filesystems({ source: ram, target: '/x', scratch: true }), ['filesystems[1].scratch']],
  ['a device of the node that is none', { hostDevices: [{}] }, ['host_devices[0].source']],
  ['an interface of the node to read from', { hostDevices: [{ ...given('eth9'), readOnly: true }] }, ['host_devices[0].read_only']],
  ['a device of the node twice', { hostDevices: [device, device] }, ['host_devices[1]']],
  ['too many limits', { blockIo: { devices: many(65, (index) => ({ path: `/dev/sd${index}` })) } }, ['block_io.devices']],
  ['two limits on one disk', { blockIo: { devices: [{ path: '/dev/sda' }, { path: '/dev/sda' }] } }, ['block_io.devices[1].path']],
  [
    'one address for two interfaces',
    { interfaces: many(2, () => bridged({ macAddress: '52:54:00:00:00:01' })) },
    ['interfaces[1].mac_address'],
  ],
  ['an address of no interface', { interfaces: [bridged({ macAddress: '52:54' })] }, ['interfaces[0].mac_address']],
  [
    'too many addresses',
    { interfaces: [bridged({ guest: { addresses: many(17, (index) => `192.0.2.${index}/24`) } })] },
    ['interfaces[0].guest.addresses'],
  ],
];

test.each(refused)('%s is refused, by field', (_what, partial, fields) => {
  expect(violationsOf({ ...base, ...partial, container: { ...base.container, ...partial.container } })).toEqual(fields);
});

test('consoles are refused where nothing keeps their logs', () => {
  const profile = { ...recordedProfile, cgroupVersion: legacy, logKeeper: undefined };
  const spec = DomainSpec.fromPartial({ consoles: [{}] });
  expect([...consoles(spec, { profile, pathRoots: [], hostDevices: { paths: [], interfaces: [] } })].map(({ field }) => field)).toEqual([
    'consoles',
  ]);
});

test('of two counts of vCPUs that do not go together, both are named with their values, and what to do', () => {
  const spec = DomainSpec.fromPartial({ cpu: { vcpus: 3, maxVcpus: 2 } });
  const profile = { ...recordedProfile, cgroupVersion: legacy };
  expect([...cpu(spec, { profile, pathRoots: [], hostDevices: { paths: [], interfaces: [] } })]).toEqual([
    { field: 'cpu.vcpus', description: 'must be at most cpu.max_vcpus, and 3 is more than 2; raise `cpu.max_vcpus` first' },
  ]);
});

test('the root of the node is refused with the directories that are allowed', () => {
  const refusal = (path: string): readonly string[] => [...nodePath('x', path, ['/srv', '/mnt'])].map(({ description }) => description);
  expect(refusal('/')).toEqual(['must be below an allowed directory (/srv, /mnt); name what is there']);
  expect([...nodePath('x', '/', ['/'])]).toHaveLength(1);
  expect(refusal('/srv/')).toEqual([expect.stringContaining('no `/` at its end')]);
  expect(refusal('/srv/a')).toEqual([]);
});
