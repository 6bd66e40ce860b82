import { describe, expect, it } from 'vitest';
import { goldens } from '../testing/goldens.ts';
import { launchOf } from '../testing/launch.ts';
import { buildArgv } from './build-argv.ts';
import { decodeLayout, encodeLayout, layoutOf } from './layout.ts';

const refuse = (words: string): Error => new Error(words);

describe('the layout of a machine', () => {
  it.each(goldens.map((golden) => [golden.name, golden] as const))(
    'of %s comes back from its JSON, and gives each device one place',
    (_, { spec, accelerators }) => {
      const { layout } = launchOf(spec, { accelerators });
      expect(decodeLayout(JSON.parse(JSON.stringify(encodeLayout(layout))), refuse)).toEqual(layout);
      const places = Object.values(layout.addresses).map((address) => JSON.stringify(address));
      expect(new Set(places).size).toBe(places.length);
    },
  );

  it.each<[string, object]>([
    ['ports', { rootPorts: 1000, controllers: [], addresses: {} }],
    ['controllers', { rootPorts: 1, controllers: ['other'], addresses: {} }],
    ['addresses', { rootPorts: 1, controllers: [], addresses: [] }],
    ['addresses', { rootPorts: 1, controllers: [], addresses: { disk0: { bus: 'port-0', romfile: 'x' } } }],
    ['addresses', { rootPorts: 1, controllers: [], addresses: { disk0: { bus: 'port-0,romfile=/etc/shadow' } } }],
    ['addresses', { rootPorts: 1, controllers: [], addresses: { disk0: { nr: 1.5 } } }],
    ['addresses', { rootPorts: 1, controllers: [], addresses: { disk0: 'port-0' } }],
    ['ports', []],
  ])('is refused for what its %s cannot be', (what, json) => {
    expect(() => decodeLayout(JSON.parse(JSON.stringify(json)), refuse)).toThrow(what);
  });

  it('of another life of the guest is kept, with ports and controllers that nothing sits on any more', () => {
    const spec = goldens.find(({ name }) => name === 'minimal')?.spec;
    if (!spec) throw new Error('there is no golden definition minimal');
    const fresh = launchOf(spec);
    expect(fresh.layout).toEqual(layoutOf(fresh.spec));
    const layout = { ...fresh.layout, rootPorts: fresh.layout.rootPorts + 2, controllers: ['scsi', 'serial'] as const };
    const args = buildArgv({ ...fresh, layout, incoming: true });
    const added = args.filter((argument) => !buildArgv(fresh).includes(argument));
    expect(added).toEqual([
      '-incoming',
      'defer',
      'null,id=held-back',
      expect.stringMatching(/^pcie-root-port,id=port-/),
      expect.stringMatching(/^pcie-root-port,id=port-/),
      expect.stringMatching(/^virtio-scsi-pci,/),
      expect.stringMatching(/^virtio-serial-pci,/),
    ]);
  });
});
