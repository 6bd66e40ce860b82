import { Fault, type Reason } from '@virtmesh/base';
import type { Host } from '@virtmesh/driver-spi';
import { type CircularLog, logTail } from '@virtmesh/driver-support';

const startMark = '--- start ';
const keptBytes = 16 * 1024;
const shownCharacters = 2000;

/** The line that separates what QEMU says in one life of a guest from what it said before, with its command line. */
export const startLine = (time: Date, argv: readonly string[]): string =>
  `\n${startMark}${time.toISOString()} ${JSON.stringify(argv).slice(0, 32_768)}\n`;

/** What QEMU has said since its last start, without what it always says. */
export async function lastWords(host: Host, log: CircularLog): Promise<string> {
  const text = await logTail(host, log, keptBytes).catch(() => '');
  const afterMark = text.lastIndexOf(`\n${startMark}`);
  const since = afterMark < 0 ? text : text.slice(text.indexOf('\n', afterMark + 1) + 1);
  const lines = since
    .split('\n')
    .map((line) => line.trimEnd())
    .filter(
      (line) =>
        line !== '' &&
        !/: terminating on signal \d+/.test(line) &&
        !/^warning: TCG doesn't support|: warning: TCG doesn't support/.test(line),
    );
  return lines.join('\n').slice(-shownCharacters);
}

const causes: readonly { readonly pattern: RegExp; readonly reason: Reason; readonly hint: string }[] = [
  {
    pattern: /Failed to get (?:shared )?"(?:write|consistent read|resize)" lock|Is another process using the image/,
    reason: 'RESOURCE_IN_USE',
    hint: 'a disk is in use by another process',
  },
  {
    pattern: /Address already in use|Could not set up host forwarding rule/,
    reason: 'RESOURCE_IN_USE',
    hint: 'a network address that the guest needs is in use',
  },
  {
    pattern: /unable to set guest cid: Address (?:already )?in use/,
    reason: 'RESOURCE_IN_USE',
    hint: 'the context id of the vsock device is in use',
  },
  {
    pattern: /Cannot allocate memory|cannot set up guest memory|Out of memory/,
    reason: 'MEMORY_EXHAUSTED',
    hint: 'the host has too little memory for the guest',
  },
  { pattern: /No space left on device/, reason: 'DISK_EXHAUSTED', hint: 'a file system is full' },
  { pattern: /failed to initialize kvm|Could not access KVM kernel module/i, reason: 'HOST_INCOMPATIBLE', hint: 'KVM cannot be used' },
  { pattern: /vhost-vsock|vhost_vsock/, reason: 'HOST_INCOMPATIBLE', hint: 'the vsock device cannot be used on this host' },
  {
    pattern: /Permission denied|Operation not permitted/,
    reason: 'HOST_INCOMPATIBLE',
    hint: "the guest's user may not use something that it needs",
  },
  {
    pattern: /(?:TCG|[Hh]ost) doesn't support requested feature/,
    reason: 'HOST_INCOMPATIBLE',
    hint: 'the CPU features asked for cannot be had here',
  },
];

/** The fault for a QEMU that ended while it was being started, by what it said. */
export function startFailure(words: string, ending: string): Fault {
  const cause = causes.find(({ pattern }) => pattern.test(words));
  const said = words === '' ? ending : words;
  return new Fault(
    cause?.reason ?? 'HYPERVISOR_FAILED',
    `${cause ? `${cause.hint}: ` : 'QEMU ended while it was being started: '}${said}`,
    { stderr: words, ending },
  );
}
