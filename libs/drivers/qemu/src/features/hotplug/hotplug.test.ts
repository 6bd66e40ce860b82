import { runSteps, type StepObserver } from '@virtmesh/base';
import { type Disk, DiskBus, DiskFormat } from '@virtmesh/contracts/domain/v1/disk';
import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { type AnyDevice, type DeviceChange, findDevice, type RuntimeRecord, withDevice, withoutDevice } from '@virtmesh/driver-spi';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LinuxGuest } from '../../testing/linux-guest.ts';
import { ownerOf, soon, World } from '../../testing/world.ts';

type PartialDisk = Parameters<typeof Disk.fromPartial>[0];

const file = (path: string, more: PartialDisk = {}) =>
  ({
    source: { source: { $case: 'filePath', value: path } },
    format: path.endsWith('.qcow2') ? DiskFormat.QCOW2 : DiskFormat.RAW,
    ...more,
  }) as const;

/** A guest with a definition that changes. */
class Changing {
  readonly linux: LinuxGuest;
  spec: DomainSpec;
  record: RuntimeRecord;

  constructor(linux: LinuxGuest) {
    this.linux = linux;
    this.spec = linux.running.started.activeSpec;
    this.record = linux.running.record;
  }

  async attach(kind: AnyDevice['$case'], device: object, observer?: StepObserver): Promise<string> {
    const { life, running } = this.linux;
    const given = withDevice(this.spec, { $case: kind, value: { id: '', ...device } } as AnyDevice);
    const to = life.driver.complete(DomainSpec.fromPartial(given), running.guest);
    const before = new Set(ids(this.spec));
    const id = ids(to).find((each) => !before.has(each)) ?? '';
    await this.change({ what: 'attach', device: id }, to, {}, observer);
    return id;
  }

  async detach(device: string, guestTimeoutMs = 10_000): Promise<void> {
    await this.change({ what: 'detach', device }, withoutDevice(this.spec, device), { guestTimeoutMs });
  }

  async update(device: string, change: (device: AnyDevice) => void, force = false): Promise<void> {
    const to = DomainSpec.fromPartial(structuredClone(this.spec));
    const found = findDevice(to, device);
    if (!found) throw new Error(`no ${device}`);
    change(found);
    await this.change({ what: 'update', device }, to, { force, guestTimeoutMs: 3000 });
  }

  async change(
    change: DeviceChange,
    to: DomainSpec,
    options: { readonly guestTimeoutMs?: number; readonly force?: boolean } = {},
    observer?: StepObserver,
  ): Promise<void> {
    const { life, running } = this.linux;
    const hotplug = life.feature('hotplug');
    expect(hotplug.verdict(change, this.spec, to)).toEqual({ supported: true });
    const plan = hotplug.plan({
      guest: running.guest,
      change,
      from: this.spec,
      to,
      guestTimeoutMs: 10_000,
      force: false,
      ...options,
      save: (record) => (this.record = structuredClone<RuntimeRecord>(record)),
    });
    await runSteps(plan.steps, soon(), observer);
    this.spec = plan.changed();
  }
}

const ids = (spec: DomainSpec): string[] => [...spec.disks, ...spec.interfaces, ...spec.channels, ...spec.rngs].map(({ id }) => id);

describe('a device of a running guest', () => {
  let world: World;
  let guest: Changing;
  beforeAll(async () => {
    world = await World.open();
    const life = await LinuxGuest.life(world);
    const linux = await LinuxGuest.boot(life, {
      disks: [file(world.image('scsi.qcow2'), { bus: DiskBus.SCSI }), { device: 2, bus: DiskBus.SCSI }],
    });
    guest = new Changing(linux);
  });
  afterAll(() => world[Symbol.asyncDispose]());

  it.each([
    ['virtio', 'raw', {}],
    ['virtio', 'qcow2', { serial: 'HOT1', throttle: { totalIops: 500n } }],
    ['scsi', 'qcow2', { bus: DiskBus.SCSI }],
  ])('is a disk on %s with a file of format %s, for as long as it is attached', async (bus, format, more) => {
    const path = format === 'raw' ? world.echoImage(`hot-${bus}.raw`) : world.image(`hot-${bus}.qcow2`);
    const before = ownerOf(path);
    const id = await guest.attach('disk', file(path, more));
    expect(ownerOf(path)).not.toBe(before);
    const name = bus === 'scsi' ? 'sdb' : 'vda';
    await expect.poll(() => guest.linux.runs('ls /sys/block')).toContain(name);
    const rival = guest.linux.life.newGuest();
    await expect(guest.linux.life.start(rival, guest.linux.life.spec(rival, path))).rejects.toMatchObject({
      reason: 'RESOURCE_IN_USE',
      metadata: { holder: guest.linux.running.guest.uid },
    });
    // Once more is success, as for a life of the agent that finds it done.
    await guest.change({ what: 'attach', device: id }, guest.spec);
    const attached = guest.spec;
    await guest.detach(id);
    await expect.poll(() => guest.linux.runs('ls /sys/block')).not.toContain(name);
    expect(ownerOf(path)).toBe(before);
    expect(JSON.stringify(guest.record)).not.toContain(path);
    guest.spec = attached;
    await guest.detach(id);
    expect(ownerOf(path)).toBe(before);
  });

  it('is an interface, whose cable can be out', async () => {
    const id = await guest.attach('interface', { backend: { $case: 'user', value: {} } });
    await expect.poll(() => guest.linux.runs('ls /sys/class/net')).toContain('eth0');
    await guest.linux.runs('ifconfig eth0 up');
    await guest.update(id, (device) => device.$case === 'interface' && (device.value.linkDown = true));
    await expect.poll(() => guest.linux.runs('cat /sys/class/net/eth0/carrier')).toBe('0');
    await guest.update(id, (device) => device.$case === 'interface' && (device.value.linkDown = false));
    await expect.poll(() => guest.linux.runs('cat /sys/class/net/eth0/carrier')).toBe('1');
    await guest.detach(id);
    await expect.poll(() => guest.linux.runs('ls /sys/class/net')).not.toContain('eth0');
  });

  it('is a channel', async () => {
    const id = await guest.attach('channel', { kind: 2, targetName: 'org.example.talk' });
    await expect.poll(() => guest.linux.runs('ls /dev/virtio-ports')).toContain('org.example.talk');
    await guest.detach(id);
    await expect.poll(() => guest.linux.runs('cat /sys/class/virtio-ports/*/name')).not.toContain('org.example.talk');
  });

  it('is a random number generator', async () => {
    const id = await guest.attach('rng', {});
    await expect.poll(() => guest.linux.runs('cat /sys/class/misc/hw_random/rng_available')).toContain('virtio_rng');
    await guest.detach(id);
  });

  it('is undone where a step fails, and all that it had is given back', async () => {
    const path = world.image('undone.qcow2');
    const before = ownerOf(path);
    for (const step of ['reserve', 'files', 'network', 'plug']) {
      const planned = {
        after: (name: string) => {
          if (name === step) throw new Error(`planned after ${step}`);
        },
        undoFailed: (name: string, thrown: unknown): void => expect.unreachable(`undo of ${name} failed: ${String(thrown)}`),
      };
      await expect(guest.attach('disk', file(path), planned)).rejects.toThrow(`planned after ${step}`);
      expect(ownerOf(path)).toBe(before);
      expect(JSON.stringify(guest.record)).not.toContain(path);
    }
    const id = await guest.attach('disk', file(path));
    await guest.detach(id);
  });

  it('is refused as at a start where its file is missing, and where another has it', async () => {
    await expect(guest.attach('disk', file(`${world.images}/none.raw`))).rejects.toMatchObject({ reason: 'HOST_INCOMPATIBLE' });
    await expect(guest.attach('disk', file(`${world.images}/scsi.qcow2`))).rejects.toMatchObject({ reason: 'RESOURCE_IN_USE' });
  });

  it('is refused where no port is free, before anything is touched', async () => {
    const attached: string[] = [];
    const attach = async (): Promise<void> => void attached.push(await guest.attach('rng', {}));
    for (let left = 4; left > 0; left -= 1) await attach();
    await expect(attach()).rejects.toMatchObject({ reason: 'ADDRESS_EXHAUSTED' });
    for (const id of attached) await guest.detach(id);
  });

  it('can be another medium of a CD-ROM, or none', async () => {
    const drive = guest.spec.disks[1]?.id ?? '';
    const first = world.echoImage('first.iso');
    const size = () => guest.linux.runs('dd if=/dev/sr0 bs=512 count=1 2>&1 | tail -1');
    const load = (path: string | undefined, force = false) =>
      guest.update(
        drive,
        (device) =>
          device.$case === 'disk' &&
          (device.value.source = path === undefined ? undefined : { source: { $case: 'filePath', value: path } }),
        force,
      );
    await load(first);
    await expect.poll(size).toMatch(/512 bytes|0\+1|1\+0/);
    expect(JSON.stringify(guest.record)).toContain(first);
    // A guest that reads from it locks it.
    await guest.linux.runs('exec 9< /dev/sr0');
    const second = world.echoImage('second.iso');
    await expect(load(second)).rejects.toMatchObject({ reason: 'DEVICE_BUSY' });
    expect(JSON.stringify(guest.record)).not.toContain(second);
    await load(second, true);
    expect(JSON.stringify(guest.record)).not.toContain(first);
    await guest.linux.runs('exec 9<&-');
    await load(undefined);
    expect(JSON.stringify(guest.record)).not.toContain(second);
  });

  it('that the guest does not let go of is busy, and told of when it does later', async () => {
    const path = world.image('late.qcow2');
    const before = ownerOf(path);
    const id = await guest.attach('disk', file(path));
    const { life, running } = guest.linux;
    await life.feature('suspend').suspend(running.guest, soon());
    await expect(guest.detach(id, 500)).rejects.toMatchObject({ reason: 'DEVICE_BUSY', metadata: { device: id } });
    expect(ownerOf(path)).not.toBe(before);
    await life.feature('suspend').resume(running.guest, soon());
    expect(await life.event(running.guest, (event) => event.t === 'device-removed')).toMatchObject({ device: id });
    await expect.poll(() => ownerOf(path)).toBe(before);
    guest.spec = withoutDevice(guest.spec, id);
    // Its record still names the device: nobody asked for what happened. The next life of the agent lets others have its file.
    await life.end();
    guest.linux.life = await LinuxGuest.life(world);
    guest.linux.life.guests.add(running.guest.uid);
    await guest.linux.life.driver.lifecycle.adopt(running.guest, guest.spec, guest.record, soon());
    const other = guest.linux.life.newGuest();
    await guest.linux.life.finish(await guest.linux.life.start(other, guest.linux.life.spec(other, path)));
  });

  it('is attached again where its detaching is given up after it was gone', async () => {
    const path = world.image('back.qcow2');
    const id = await guest.attach('disk', file(path));
    for (const step of ['unplug', 'release']) {
      const planned = {
        after: (name: string) => {
          if (name === step) throw new Error(`planned after ${step}`);
        },
        undoFailed: (name: string, thrown: unknown): void => expect.unreachable(`undo of ${name} failed: ${String(thrown)}`),
      };
      const without = withoutDevice(guest.spec, id);
      await expect(guest.change({ what: 'detach', device: id }, without, {}, planned)).rejects.toThrow(`planned after ${step}`);
      await expect.poll(() => guest.linux.runs('ls /sys/block')).toContain('vda');
      expect(JSON.stringify(guest.record)).toContain(path);
    }
    await guest.detach(id);
    expect(JSON.stringify(guest.record)).not.toContain(path);
  });

  it('that it let go of while no agent was there is told of by the next one', async () => {
    const path = world.image('unseen.qcow2');
    const before = ownerOf(path);
    const id = await guest.attach('disk', file(path));
    const { running, life } = guest.linux;
    await life.feature('suspend').suspend(running.guest, soon());
    await expect(guest.detach(id, 300)).rejects.toMatchObject({ reason: 'DEVICE_BUSY' });
    await life.feature('suspend').resume(running.guest, soon());
    await life.end();
    // It has no disk of the host by now, and nobody to tell.
    await new Promise((resolve) => setTimeout(resolve, 2000));
    const second = await LinuxGuest.life(world);
    second.guests.add(running.guest.uid);
    guest.linux.life = second;
    await second.driver.lifecycle.adopt(running.guest, guest.spec, guest.record, soon());
    expect(await second.event(running.guest, (event) => event.t === 'device-removed')).toMatchObject({ device: id });
    expect(ownerOf(path)).toBe(before);
    guest.spec = withoutDevice(guest.spec, id);
  });

  it('is there for another life of the agent, which detaches it', async () => {
    const path = world.image('adopted.qcow2');
    const before = ownerOf(path);
    const id = await guest.attach('disk', file(path));
    const { running, life } = guest.linux;
    await life.end();
    const second = await LinuxGuest.life(world);
    second.guests.add(running.guest.uid);
    guest.linux.life = second;
    await second.driver.lifecycle.adopt(running.guest, guest.spec, guest.record, soon());
    const other = await guest.attach('disk', file(world.image('other.qcow2')));
    await guest.detach(id);
    expect(ownerOf(path)).toBe(before);
    await second.driver.lifecycle.destroy(running.guest, { graceMs: 0 }, soon());
    await second.driver.lifecycle.release(running.guest, guest.record);
    expect(ownerOf(`${world.images}/other.qcow2`)).toBe(before);
    expect(other).not.toBe('');
    expect(readFileSync(path).length).toBeGreaterThan(0);
  });
});

it('a device of a running guest on a PC of the older kind goes into a slot that nothing has', async () => {
  await using world = await World.open();
  const life = await LinuxGuest.life(world);
  // The argument of its own takes the first free slot.
  const linux = await LinuxGuest.boot(life, { machine: 'pc', qemu: { args: ['-device', 'virtio-rng-pci'] } });
  const guest = new Changing(linux);
  const path = world.image('pc.qcow2');
  const before = ownerOf(path);
  const disk = await guest.attach('disk', file(path));
  const rng = await guest.attach('rng', {});
  await expect.poll(() => linux.runs('ls /sys/block')).toContain('vda');
  await guest.detach(disk);
  await guest.detach(rng);
  await expect.poll(() => linux.runs('ls /sys/block')).not.toContain('vda');
  expect(ownerOf(path)).toBe(before);
  await life.finish({ guest: linux.running.guest, record: guest.record });
}, 150_000);
