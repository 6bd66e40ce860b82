import { activeDomain, activeDomains, domain, domains, dryChange, dryRun, inactiveDomains, scope } from './command-groups/arguments.ts';
import { deviceVerbs, sizeVerbs } from './command-groups/devices.ts';
import { guestVerbs } from './command-groups/guests.ts';
import { savedStateVerbs } from './command-groups/saved-states.ts';
import type { ArgumentSpec, CommandGroup, CommandSpec, OptionSpec } from './command.ts';
import { eventKinds } from './event-kinds.ts';
import { duration } from './globals.ts';
import { parseByteSize } from './spec/byte-size.ts';
import { wholeNumber } from './spec/whole-number.ts';
import { UsageError } from './usage-error.ts';
import { conditions } from './wait/conditions.ts';

const someDomains: ArgumentSpec = { name: '[domain...]', summary: 'the domains; all that run if left out', completes: 'domain' };
const file: ArgumentSpec = { name: '<file>', summary: 'a file of YAML or JSON, or - for stdin', completes: 'file' };
const node: ArgumentSpec = { name: '[node]', summary: 'the node; may be left out while there is only one', completes: 'node' };
const operation: ArgumentSpec = { name: '<operation>', summary: 'nodes/{node}/operations/{id}', completes: 'operation' };

const specName: OptionSpec = { flags: '--name <name>', summary: 'the name, for a definition that has none' };
const paused: OptionSpec = { flags: '--paused', summary: 'leave it paused, until resume' };
const attach: OptionSpec = { flags: '--console', summary: 'connect to its console, from its first output on' };

const count = (text: string): number => wholeNumber(text);
const replay = (text: string): bigint => (text === 'all' ? -1n : parseByteSize(text));
const label = (text: string): string => {
  if (!/^[^=]+=/.test(text)) throw new UsageError('must be key=value');
  return text;
};

const listOptions: readonly OptionSpec[] = [
  { flags: '--all', summary: 'also those that do not run', conflicts: ['inactive'] },
  { flags: '--inactive', summary: 'only those that do not run' },
  { flags: '--state-running', summary: 'only those that run' },
  { flags: '--state-paused', summary: 'only those that are paused' },
  { flags: '--state-shutoff', summary: 'only those that are shut off' },
  { flags: '--state-other', summary: 'only those in any other state' },
  { flags: '--persistent', summary: 'only those that are kept when they stop', conflicts: ['transient'] },
  { flags: '--transient', summary: 'only those that are gone when they stop' },
  { flags: '--autostart', summary: 'only those that start with their node' },
  { flags: '--no-autostart', summary: 'only those that do not' },
  { flags: '-l, --label <key=value>', summary: 'only those with this label; may be repeated', repeatable: true, parse: label },
  { flags: '--with-managed-save', summary: 'only those whose state managedsave keeps', conflicts: ['withoutManagedSave'] },
  { flags: '--without-managed-save', summary: 'only those without' },
  { flags: '--managed-save', summary: 'show those whose state is kept as saved' },
  { flags: '--name', summary: 'print names alone' },
  { flags: '--uuid', summary: 'print UUIDs alone' },
  { flags: '--title', summary: 'show titles' },
];

const lifecycle: readonly CommandSpec[] = [
  {
    name: 'start',
    summary: 'Start domains',
    changes: true,
    arguments: [inactiveDomains],
    options: [paused, attach, { flags: '--force-boot', summary: 'boot, and forget the state that managedsave kept' }],
    load: () => import('./commands/domain/start.ts'),
  },
  {
    name: 'shutdown',
    summary: 'Ask guests to shut down, and wait for it',
    changes: true,
    arguments: [activeDomains],
    details: 'Waits for two minutes if --timeout does not say otherwise. A guest that does not obey goes on running; destroy ends it.',
    options: [
      {
        flags: '--mode <mode>',
        summary: 'how to ask; by the guest agent if it is connected, else by ACPI, if left out',
        choices: ['acpi', 'agent'],
      },
    ],
    load: () => import('./commands/domain/shutdown.ts'),
  },
  {
    name: 'reboot',
    summary: 'Reboot guests',
    changes: true,
    arguments: [activeDomains],
    options: [{ flags: '--mode <mode>', summary: 'by the guest agent, or by the reset line at once', choices: ['agent', 'reset'] }],
    load: () => import('./commands/domain/reboot.ts'),
  },
  {
    name: 'reset',
    summary: 'Reset guests, as by the reset button',
    changes: true,
    arguments: [activeDomains],
    load: () => import('./commands/domain/reset.ts'),
  },
  {
    name: 'destroy',
    summary: 'End domains now',
    changes: true,
    arguments: [activeDomains],
    details:
      'The hypervisor gets a grace of 10 s to write out the data of its disks before it is killed. The definition and the disks are kept.',
    options: [
      { flags: '--graceful', summary: 'let the hypervisor write out its disks first (the default)', conflicts: ['force'] },
      { flags: '--force', summary: 'kill it at once' },
      { flags: '--grace <time>', summary: 'how long the hypervisor gets', parse: duration, conflicts: ['force'] },
    ],
    load: () => import('./commands/domain/destroy.ts'),
  },
  {
    name: 'suspend',
    summary: 'Stop the CPUs of guests, keeping their memory',
    changes: true,
    arguments: [activeDomains],
    load: () => import('./commands/domain/suspend.ts'),
  },
  {
    name: 'resume',
    summary: 'Let the CPUs of guests run again',
    changes: true,
    arguments: [activeDomains],
    load: () => import('./commands/domain/resume.ts'),
  },
];

const definitions: readonly CommandSpec[] = [
  {
    name: 'define',
    summary: 'Define domains from a file, or change their definitions',
    changes: true,
    arguments: [file],
    details:
      'The file holds `{name, spec, autostart?, uid?}`, several as documents of YAML, or what dumpspec or -o yaml printed. A domain that is defined already gets the new definition, in force at its next start.',
    options: [specName, { flags: '--start', summary: 'start them too', conflicts: ['dryRun'] }, dryRun],
    load: () => import('./commands/domain/define.ts'),
  },
  {
    name: 'apply',
    summary: 'Bring domains to what files say, as often as you like',
    changes: true,
    details:
      'The files hold definitions as define reads them, and may say `running: true` or `running: false` for domains that shall be started or shut down. What is there already is left alone; what differs is changed, live where that can be.',
    options: [
      {
        flags: '-f, --filename <file>',
        summary: 'a file, a directory of them, or - for stdin; may be repeated',
        repeatable: true,
        completes: 'file',
      },
      { flags: '--config', summary: 'change only what the next start uses' },
      { flags: '--dry-run', summary: 'only say what differs, field by field' },
    ],
    load: () => import('./commands/domain/apply.ts'),
  },
  {
    name: 'edit',
    summary: 'Edit a definition, in force at its next start',
    changes: true,
    arguments: [domain],
    details:
      'By the editor of VISUAL or EDITOR. A definition that is refused is opened again with what is wrong above it. After a dry run the text is kept.',
    options: [dryChange],
    load: () => import('./commands/domain/edit.ts'),
  },
  {
    name: 'create',
    summary: 'Create and start a transient domain from a file',
    changes: true,
    arguments: [file],
    details: 'A transient domain is gone when it stops.',
    options: [specName, paused, { ...attach, conflicts: ['dryRun'] }, dryRun],
    load: () => import('./commands/domain/create.ts'),
  },
  {
    name: 'undefine',
    summary: 'Remove definitions; disks are kept',
    changes: true,
    arguments: [domains],
    options: [
      { flags: '--keep-running', summary: 'one that runs goes on as a transient domain', conflicts: ['destroy'] },
      { flags: '--destroy', summary: 'one that runs is ended first' },
      { flags: '--managed-save', summary: 'the state that managedsave keeps of it is removed too' },
    ],
    load: () => import('./commands/domain/undefine.ts'),
  },
  {
    name: 'domrename',
    summary: 'Give a domain another name',
    changes: true,
    arguments: [domain, { name: '<name>', summary: 'the new name, without a node' }],
    details: 'Its UUID stays, and the old name is free.',
    load: () => import('./commands/domain/domrename.ts'),
  },
  {
    name: 'set',
    summary: 'Change fields of a definition',
    changes: true,
    arguments: [
      domain,
      { name: '<path=value...>', summary: 'such as title=web, memory.current_bytes=512MiB or cpu.vcpus=2; the value is YAML' },
    ],
    details:
      'Says for each field what became live and what waits for the next start. A list or map is replaced whole; an empty value puts a field back to its default.',
    options: [...scope, dryChange],
    load: () => import('./commands/domain/set.ts'),
  },
  {
    name: 'autostart',
    summary: 'Start domains with their node',
    changes: true,
    arguments: [domains],
    options: [{ flags: '--disable', summary: 'do not' }],
    load: () => import('./commands/domain/autostart.ts'),
  },
  {
    name: 'dumpspec',
    summary: 'Print a definition, as define reads it',
    arguments: [domain],
    details: 'That of a running domain is what runs, as in virsh; --inactive prints what the next start uses.',
    options: [{ flags: '--inactive', summary: 'the definition that the next start uses' }],
    load: () => import('./commands/domain/dumpspec.ts'),
  },
];

const inspection: readonly CommandSpec[] = [
  {
    name: 'list',
    summary: 'List domains, those that run if nothing else is asked for',
    options: listOptions,
    load: () => import('./commands/domain/list.ts'),
  },
  { name: 'dominfo', summary: 'Show what a domain is and does', arguments: [domain], load: () => import('./commands/domain/dominfo.ts') },
  {
    name: 'domstate',
    summary: 'Print the state of a domain',
    arguments: [domain],
    options: [{ flags: '--reason', summary: 'and why it is in it' }],
    load: () => import('./commands/domain/domstate.ts'),
  },
  { name: 'domuuid', summary: 'Print the UUID of a domain', arguments: [domain], load: () => import('./commands/domain/domuuid.ts') },
  { name: 'domname', summary: 'Print the name of a domain', arguments: [domain], load: () => import('./commands/domain/domname.ts') },
  {
    name: 'domstats',
    summary: 'Show what domains have used',
    arguments: [someDomains],
    options: [{ flags: '--all', summary: 'also those that do not run' }],
    load: () => import('./commands/domain/domstats.ts'),
  },
  {
    name: 'wait',
    summary: 'Wait until something holds for a domain',
    arguments: [domain],
    details: 'Without end if --timeout does not say otherwise. job=none is about what starts a domain or shuts it down.',
    options: [{ flags: '--for <condition>', summary: 'what to wait for', choices: conditions }],
    load: () => import('./commands/domain/wait.ts'),
  },
  {
    name: 'vncdisplay',
    summary: 'Print the VNC display of a domain',
    arguments: [activeDomain],
    options: [{ flags: '--all', summary: 'all of them, where there are several' }],
    load: () => import('./commands/domain/vncdisplay.ts'),
  },
  {
    name: 'console',
    summary: 'Connect to a serial port or console',
    arguments: [activeDomain],
    details:
      'In a terminal every key goes to the guest, and Ctrl-] leaves. With a pipe as stdin its bytes go to the guest as they are, and its end changes nothing.',
    options: [
      { flags: '--device <id>', summary: 'which one; the first if left out' },
      { flags: '--force', summary: 'cut off another one who writes' },
      { flags: '--read-only', summary: 'only look on', conflicts: ['force'] },
      { flags: '--replay <size>', summary: 'begin with the last bytes of the log, such as 4KiB, or all', parse: replay },
      { flags: '--no-follow', summary: 'print the log and leave' },
      { flags: '-e, --escape <key>', summary: 'the key that leaves, such as ^] or ^A' },
    ],
    load: () => import('./commands/domain/console.ts'),
  },
];

const nodes: readonly CommandSpec[] = [
  { name: 'nodelist', summary: 'List nodes', load: () => import('./commands/node/nodelist.ts') },
  { name: 'nodeinfo', summary: 'Show what a node is', arguments: [node], load: () => import('./commands/node/nodeinfo.ts') },
  {
    name: 'capabilities',
    summary: 'Show the drivers of a node and what they can do',
    arguments: [node],
    load: () => import('./commands/node/capabilities.ts'),
  },
  {
    name: 'domcapabilities',
    summary: 'Show what definitions can have on a node',
    arguments: [node],
    options: [
      { flags: '--hypervisor <driver>', summary: 'the driver; qemu if left out' },
      { flags: '--arch <arch>', summary: "the architecture; the node's own if left out" },
      { flags: '--machine <machine>', summary: 'the machine type; the default if left out' },
    ],
    load: () => import('./commands/node/domcapabilities.ts'),
  },
];

const operations: readonly CommandSpec[] = [
  {
    name: 'operation',
    summary: 'Follow and cancel what was begun',
    commands: [
      {
        name: 'list',
        summary: 'List operations, newest first',
        options: [
          { flags: '--all', summary: 'also those that have ended' },
          { flags: '--domain <domain>', summary: 'only those of this domain', completes: 'domain' },
        ],
        load: () => import('./commands/operation/list.ts'),
      },
      { name: 'show', summary: 'Show an operation', arguments: [operation], load: () => import('./commands/operation/show.ts') },
      {
        name: 'wait',
        summary: 'Wait for the end of an operation',
        arguments: [operation],
        load: () => import('./commands/operation/wait.ts'),
      },
      {
        name: 'cancel',
        summary: 'Cancel an operation; what it had begun is undone',
        changes: true,
        arguments: [operation],
        load: () => import('./commands/operation/cancel.ts'),
      },
    ],
  },
  {
    name: 'domjobinfo',
    summary: 'Show the operation that holds a domain',
    arguments: [domain],
    load: () => import('./commands/operation/domjobinfo.ts'),
  },
  {
    name: 'domjobabort',
    summary: 'Cancel the operation that holds a domain',
    changes: true,
    arguments: [domain],
    load: () => import('./commands/operation/domjobabort.ts'),
  },
];

const events: CommandSpec = {
  name: 'event',
  summary: 'Follow what happens to domains',
  details:
    'A line for each event, or a line of JSON with -o json. A lost connection is taken up again where it broke; at the end stderr has the token to resume with.',
  options: [
    { flags: '--domain <domain>', summary: 'only events of this domain', completes: 'domain' },
    { flags: '--event <kind>', summary: 'only events of this kind; may be repeated', repeatable: true, choices: eventKinds },
    { flags: '--resume <token>', summary: 'begin where an earlier call ended' },
    { flags: '--count <number>', summary: 'end after this many', parse: count },
    { flags: '--timestamp', summary: 'print the time of each event' },
    { flags: '--loop', summary: "follow without end (the default; virsh's option)", conflicts: ['count'] },
  ],
  load: () => import('./commands/event.ts'),
};

const others: readonly CommandSpec[] = [
  events,
  {
    name: 'doctor',
    summary: 'Say what is missing on this host and how to get it',
    details: 'Ends with 1 if something that is needed is missing.',
    load: () => import('./commands/doctor.ts'),
  },
  {
    name: 'completion',
    summary: 'Print the completion script of a shell',
    arguments: [{ name: '<shell>', summary: 'the shell', choices: ['bash', 'zsh', 'fish'] }],
    details:
      'Load it by `source <(vmesh completion bash)` in ~/.bashrc, `source <(vmesh completion zsh)` in ~/.zshrc, or `vmesh completion fish | source` in config.fish.',
    load: () => import('./commands/completion.ts'),
  },
  {
    name: 'version',
    summary: 'Print the versions of client and servers',
    options: [{ flags: '--client', summary: "only the client's own" }],
    load: () => import('./commands/version.ts'),
  },
];

/** Every verb. Completion has one of its own, `__complete`, which main answers before this table is read. */
export const commandGroups: readonly CommandGroup[] = [
  { title: 'Domains', commands: inspection },
  { title: 'Running them', commands: [...lifecycle, ...savedStateVerbs] },
  { title: 'Defining them', commands: [...definitions, ...sizeVerbs] },
  { title: 'Their devices', commands: deviceVerbs },
  { title: 'In their guests', commands: guestVerbs },
  { title: 'Nodes', commands: nodes },
  { title: 'Operations', commands: operations },
  { title: 'Other', commands: others },
];
