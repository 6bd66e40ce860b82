import type { CommandSpec, OptionSpec } from '../command.ts';
import { holdTime } from '../guest/hold-time.ts';
import { activeDomain } from './arguments.ts';

const mountpoint: OptionSpec = {
  flags: '--mountpoint <path>',
  summary: 'only the one that is mounted there in the guest; may be repeated',
  repeatable: true,
};

const exec: CommandSpec = {
  name: 'exec',
  summary: 'Run a command in a guest',
  changes: true,
  arguments: [activeDomain, { name: '<command...>', summary: 'the program and its arguments, after --; no shell is around it' }],
  details:
    'In a container, or by the agent of a guest, which takes no more input than stdin has at once, at most 1 MiB. Its input and output are those of vmesh, Ctrl-C is passed on, and its exit code is that of vmesh; where vmesh itself fails, stderr has a line that begins with error. Needs the role raw.',
  options: [
    { flags: '-t, --tty', summary: 'give it this terminal' },
    { flags: '-e, --env <name=value>', summary: 'a variable of its environment; may be repeated', repeatable: true },
    { flags: '-w, --workdir <path>', summary: 'where it begins; / if left out' },
    { flags: '-u, --user <uid[:gid]>', summary: "the user and group as which it runs, by the guest's numbers; 0:0 if left out" },
    { flags: '--no-stdin', summary: 'send it nothing' },
  ],
  load: () => import('../commands/guest/exec.ts'),
};

/** The verbs on what runs in a guest. */
export const guestVerbs: readonly CommandSpec[] = [
  exec,
  { ...exec, name: 'lxc-enter-namespace', summary: 'As exec, by the name that it has in virsh', hidden: true },
  {
    name: 'domifaddr',
    summary: 'Show the network addresses of a guest',
    arguments: [activeDomain],
    details: '-o name prints the addresses alone, without those of the loopback interface.',
    options: [
      {
        flags: '--source <source>',
        summary: 'who is asked: the guest (agent in virsh) or the neighbours of the node (arp); the best there is if left out',
        choices: ['guest', 'neighbours', 'agent', 'arp'],
      },
      { flags: '--full', summary: 'name and MAC address on each line' },
    ],
    load: () => import('../commands/guest/domifaddr.ts'),
  },
  {
    name: 'guestinfo',
    summary: 'Show what a guest says of itself',
    arguments: [activeDomain],
    options: [
      { flags: '--os', summary: 'its operating system' },
      { flags: '--hostname', summary: 'its host name' },
      { flags: '--timezone', summary: 'its time zone' },
      { flags: '--user', summary: 'who is logged in' },
      { flags: '--filesystem', summary: 'its mounted file systems' },
    ],
    load: () => import('../commands/guest/guestinfo.ts'),
  },
  {
    name: 'domhostname',
    summary: 'Print the host name of a guest',
    arguments: [activeDomain],
    load: () => import('../commands/guest/domhostname.ts'),
  },
  {
    name: 'domfsfreeze',
    summary: 'Have a guest write out its file systems and keep them still',
    changes: true,
    arguments: [activeDomain],
    details: 'Until domfsthaw. Whatever writes to them in the guest waits meanwhile.',
    options: [mountpoint],
    load: () => import('../commands/guest/domfsfreeze.ts'),
  },
  {
    name: 'domfsthaw',
    summary: 'Let the file systems of a guest go on',
    changes: true,
    arguments: [activeDomain],
    options: [mountpoint],
    load: () => import('../commands/guest/domfsthaw.ts'),
  },
  {
    name: 'screenshot',
    summary: "Keep a picture of a guest's display",
    arguments: [
      activeDomain,
      { name: '[file]', summary: 'where to, or - for stdout; named after domain and time if left out', completes: 'file' },
    ],
    options: [{ flags: '--video <id>', summary: 'which video device; the first if left out' }],
    load: () => import('../commands/guest/screenshot.ts'),
  },
  {
    name: 'send-key',
    summary: 'Press keys in a guest, all of them together',
    changes: true,
    arguments: [activeDomain, { name: '<key...>', summary: 'such as ctrl-alt-del, enter, or KEY_LEFTCTRL KEY_C' }],
    options: [{ flags: '--holdtime <time>', summary: 'how long they are held, in milliseconds if nothing else is said', parse: holdTime }],
    load: () => import('../commands/guest/send-key.ts'),
  },
];
