import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fillRootfs, World } from './world.ts';

/** A world with all that the golden definitions name, and a loop device that the caller takes away. */
export async function openGoldenWorld(): Promise<{ readonly world: World; readonly disk: string }> {
  const world = await World.open();
  fillRootfs(join(world.images, 'root'));
  fillRootfs(join(world.images, 'owned'));
  execFileSync('chown', ['-R', '300000:300000', join(world.images, 'owned')]);
  mkdirSync(join(world.images, 'data dir'));
  writeFileSync(join(world.images, 'data dir', 'file'), 'of the node\n');
  for (const name of ['disk.img', 'device.img']) {
    const path = join(world.images, name);
    writeFileSync(path, '');
    truncateSync(path, 16 << 20);
    execFileSync('mkfs.ext4', ['-q', '-F', path]);
  }
  const disk = execFileSync('losetup', ['--find', '--show', join(world.images, 'device.img')], { encoding: 'utf8' }).trim();
  return { world, disk };
}

/** What a container tells of itself that does not depend on the machine. */
export interface Told {
  readonly command: readonly string[];
  readonly environment: readonly string[];
  readonly capabilities: string;
  readonly mounts: readonly string[];
  readonly users: string;
  readonly devices: string;
  readonly limits: Readonly<Record<string, string>>;
}

const limitFiles = [
  ['memory', 'memory.limit_in_bytes'],
  ['memory', 'memory.soft_limit_in_bytes'],
  ['memory', 'memory.memsw.limit_in_bytes'],
  ['cpu', 'cpu.shares'],
  ['cpu', 'cpu.cfs_quota_us'],
  ['cpu', 'cpu.cfs_period_us'],
  ['pids', 'pids.max'],
  ['blkio', 'blkio.throttle.read_bps_device'],
  ['blkio', 'blkio.throttle.write_iops_device'],
] as const;

/** Resolves when the init itself runs and waits: for some moments before, its process is still LXC's, or a shell that becomes it. */
async function settled(init: string): Promise<void> {
  const state = (): string => readFileSync(`/proc/${init}/stat`, 'latin1').replace(/^.*\) (\S).*$/s, '$1');
  const command = (): string => readFileSync(`/proc/${init}/cmdline`, 'latin1');
  for (let [before, now] = ['', command()]; before !== now || state() !== 'S'; [before, now] = [now, command()]) await sleep(50);
}

/** Starts a container, asks it what it has become, and ends it. */
export async function startGolden(world: World, partial: Parameters<typeof DomainSpec.fromPartial>[0]): Promise<Told> {
  const life = await world.life();
  const guest = life.newGuest('golden');
  const running = await life.start(guest, life.spec(guest, partial));
  const { pid } = running.started.observed;
  const init = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim();
  await settled(init);
  const sh = async (script: string): Promise<string> => (await life.exec(guest, ['sh', '-c', script])).output;
  const told: Told = {
    command: readFileSync(`/proc/${init}/cmdline`, 'utf8').split('\0').slice(0, -1),
    environment: readFileSync(`/proc/${init}/environ`, 'utf8')
      .split('\0')
      .filter((entry) => entry !== '')
      .toSorted(),
    capabilities: /^CapBnd:\s+(.*)$/m.exec(readFileSync(`/proc/${init}/status`, 'utf8'))?.[1] ?? '',
    mounts: (await sh("grep -E ' (/|/mnt.*) ' /proc/mounts"))
      .trim()
      .split('\n')
      .map((line) =>
        line
          .split(' ')
          .slice(1, 3)
          .concat(/(?:^|,)r[ow](?=,)/.exec(line.split(' ')[3] ?? '')?.[0] ?? '')
          .join(' '),
      ),
    users: `${/^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${init}/status`, 'utf8'))?.[1]} ${(await sh('id -u; stat -c %u /bin/busybox')).replaceAll('\n', ' ')}`,
    devices: await sh(
      'test -c /dev/fuse && (exec 3<>/dev/fuse) 2>/dev/null && echo fuse; (exec 3</dev/kmsg) 2>/dev/null && echo kmsg; true',
    ),
    limits: limitsOf(guest.uid),
  };
  await life.finish(running);
  return told;
}

function limitsOf(uid: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    limitFiles.map(([controller, file]) => {
      const text = readFileSync(`/sys/fs/cgroup/${controller}/virtmesh-${uid}/${file}`, 'latin1').trim();
      // The disk is another one each time.
      return [file, text.replace(/^\d+:\d+/, 'disk')];
    }),
  );
}
