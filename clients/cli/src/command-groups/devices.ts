import type { ArgumentSpec, CommandSpec, OptionSpec } from '../command.ts';
import { duration } from '../globals.ts';
import { parseByteSize } from '../spec/byte-size.ts';
import { wholeNumber } from '../spec/whole-number.ts';
import { UsageError } from '../usage-error.ts';
import { activeDomain, device, disk, domain, dryChange, dryRun, inactive, nic, scope, size } from './arguments.ts';

const deviceFile: ArgumentSpec = {
  name: '<file>',
  summary: 'a file of YAML or JSON with one device, such as {disk: {source: {file_path: /x}}}, or - for stdin',
  completes: 'file',
};
const newId: OptionSpec = { flags: '--id <id>', summary: 'its id; made if left out' };
const format: OptionSpec = {
  flags: '--format <format>',
  summary: 'the format of the data, never guessed; raw if left out',
  choices: ['raw', 'qcow2'],
};
const guestTimeout: OptionSpec = {
  flags: '--guest-timeout <time>',
  summary: 'how long the guest gets to let go of it; 20 s if left out',
  parse: duration,
};

const rate = (text: string): bigint => {
  if (!/^\d{1,15}$/.test(text)) throw new UsageError('must be a whole number, 0 for no limit');
  return BigInt(text);
};
const limits: readonly OptionSpec[] = [
  { flags: '--total-bytes-sec <size>', summary: 'bytes a second, both ways, such as 20MiB; 0 for no limit', parse: parseByteSize },
  { flags: '--read-bytes-sec <size>', summary: 'bytes read a second', parse: parseByteSize },
  { flags: '--write-bytes-sec <size>', summary: 'bytes written a second', parse: parseByteSize },
  { flags: '--total-iops-sec <number>', summary: 'requests a second, both ways', parse: rate },
  { flags: '--read-iops-sec <number>', summary: 'read requests a second', parse: rate },
  { flags: '--write-iops-sec <number>', summary: 'write requests a second', parse: rate },
];

const anyDevice: readonly CommandSpec[] = [
  {
    name: 'attach-device',
    summary: 'Add a device from a file',
    changes: true,
    arguments: [domain, deviceFile],
    details: 'The running guest gets it, and the definition has it from then on, if neither --live nor --config is given.',
    options: [...scope, dryRun],
    load: () => import('../commands/device/attach-device.ts'),
  },
  {
    name: 'detach-device',
    summary: 'Take a device out',
    changes: true,
    arguments: [domain, device],
    details: 'The guest is asked to let go of it. Where it does not, nothing is taken out.',
    options: [...scope, guestTimeout],
    load: () => import('../commands/device/detach-device.ts'),
  },
  {
    name: 'update-device',
    summary: 'Change a device, from a file',
    changes: true,
    arguments: [domain, deviceFile],
    details: 'The file holds the device as it shall be, whole, with its id. Says for each field what became of it.',
    options: [...scope, { flags: '--force', summary: 'open a CD-ROM that the guest has locked' }, dryChange],
    load: () => import('../commands/device/update-device.ts'),
  },
];

const disks: readonly CommandSpec[] = [
  {
    name: 'domblklist',
    summary: 'List the disks of a domain',
    arguments: [domain],
    options: [inactive],
    load: () => import('../commands/device/domblklist.ts'),
  },
  {
    name: 'attach-disk',
    summary: 'Add a disk',
    changes: true,
    arguments: [domain, { name: '<source>', summary: 'the path of its data on the node' }],
    options: [
      { flags: '--target-bus <bus>', summary: 'the bus by which the guest sees it', choices: ['virtio', 'scsi', 'sata', 'ide'] },
      format,
      {
        flags: '--cache <cache>',
        summary: 'how the node caches it',
        choices: ['writeback', 'writethrough', 'none', 'directsync', 'unsafe'],
      },
      { flags: '--io <io>', summary: 'how the node does its input and output', choices: ['threads', 'native', 'io-uring'] },
      { flags: '--serial <serial>', summary: 'the serial number that the guest sees' },
      { flags: '--readonly', summary: 'the guest cannot write to it' },
      { flags: '--shareable', summary: 'several domains may write to it at once' },
      { flags: '--discard', summary: "the guest's discards free space on the node" },
      { flags: '--cdrom', summary: 'as a CD-ROM' },
      newId,
      ...scope,
      dryRun,
    ],
    load: () => import('../commands/device/attach-disk.ts'),
  },
  {
    name: 'detach-disk',
    summary: 'Take a disk out',
    changes: true,
    arguments: [domain, disk],
    options: [...scope, guestTimeout],
    load: () => import('../commands/device/detach-disk.ts'),
  },
  {
    name: 'change-media',
    summary: 'Change the medium of a CD-ROM',
    changes: true,
    arguments: [domain, disk, { name: '[source]', summary: 'the path of the new medium on the node' }],
    options: [
      { flags: '--eject', summary: 'take the medium out', conflicts: ['insert', 'update', 'format'] },
      { flags: '--insert', summary: 'only into an empty drive', conflicts: ['update'] },
      { flags: '--update', summary: 'whatever is in it (the default)' },
      { flags: '--force', summary: 'open it though the guest has locked it' },
      format,
      ...scope,
      dryChange,
    ],
    load: () => import('../commands/device/change-media.ts'),
  },
  {
    name: 'blkdeviotune',
    summary: 'Show or change the limits on the traffic of a disk',
    changes: true,
    arguments: [domain, disk],
    details:
      'Limits that are not named stay as they are; a total takes the place of the read and write limit of its kind. Without options they are printed.',
    options: [...limits, ...scope, dryChange],
    load: () => import('../commands/device/blkdeviotune.ts'),
  },
  {
    name: 'blockresize',
    summary: 'Make a disk of a running guest larger',
    changes: true,
    arguments: [activeDomain, disk, size],
    load: () => import('../commands/device/blockresize.ts'),
  },
];

const interfaces: readonly CommandSpec[] = [
  {
    name: 'domiflist',
    summary: 'List the network interfaces of a domain',
    arguments: [domain],
    options: [inactive],
    load: () => import('../commands/device/domiflist.ts'),
  },
  {
    name: 'attach-interface',
    summary: 'Add a network interface',
    changes: true,
    arguments: [
      domain,
      { name: '<type>', summary: 'what it is connected to', choices: ['bridge', 'user'] },
      { name: '[source]', summary: 'the name of the bridge' },
    ],
    options: [
      { flags: '--model <model>', summary: 'the adapter that the guest sees', choices: ['virtio', 'e1000', 'e1000e', 'rtl8139'] },
      { flags: '--mac <address>', summary: 'its MAC address; made if left out' },
      { flags: '--mtu <bytes>', summary: 'its largest packet', parse: (text) => wholeNumber(text) },
      newId,
      ...scope,
      dryRun,
    ],
    load: () => import('../commands/device/attach-interface.ts'),
  },
  {
    name: 'detach-interface',
    summary: 'Take a network interface out',
    changes: true,
    arguments: [domain, nic],
    options: [...scope, guestTimeout],
    load: () => import('../commands/device/detach-interface.ts'),
  },
  {
    name: 'domif-setlink',
    summary: 'Put the cable of a network interface in or out',
    changes: true,
    arguments: [domain, nic, { name: '<state>', summary: 'how it shall be', choices: ['up', 'down'] }],
    options: [...scope, dryChange],
    load: () => import('../commands/device/domif-setlink.ts'),
  },
  {
    name: 'domif-getlink',
    summary: 'Print whether the cable of a network interface is in',
    arguments: [domain, nic],
    options: [{ flags: '--config', summary: 'at the next start' }],
    load: () => import('../commands/device/domif-getlink.ts'),
  },
];

/** The verbs on the devices of a domain. */
export const deviceVerbs: readonly CommandSpec[] = [...anyDevice, ...disks, ...interfaces];

/** The verbs that change how much a guest has. */
export const sizeVerbs: readonly CommandSpec[] = [
  {
    name: 'setvcpus',
    summary: 'Change how many CPUs a guest has',
    changes: true,
    arguments: [domain, { name: '<count>', summary: 'how many' }],
    details: 'With --maximum a CPU topology of one core in each socket grows along; another one has to be set beside it, by set or edit.',
    options: [{ flags: '--maximum', summary: 'change how many it can have at most' }, ...scope, dryChange],
    load: () => import('../commands/domain/setvcpus.ts'),
  },
  {
    name: 'setmem',
    summary: 'Change how much memory the balloon leaves a guest',
    changes: true,
    arguments: [domain, size],
    details: 'A container has no balloon: setmaxmem changes its limit.',
    options: [...scope, dryChange],
    load: () => import('../commands/domain/setmem.ts'),
  },
  {
    name: 'setmaxmem',
    summary: 'Change how much memory a guest has at most',
    changes: true,
    arguments: [domain, size],
    options: [...scope, dryChange],
    load: () => import('../commands/domain/setmaxmem.ts'),
  },
];
