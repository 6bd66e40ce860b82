import type { Fault, Reason } from '@virtmesh/base';

/** A line around a fact of the metadata; nothing where it is not there or the message has it already. */
function unsaid(fault: Fault, key: string, line: (value: string) => string): string | undefined {
  const value = fault.metadata[key];
  return value === undefined || value === '' || fault.message.includes(value) ? undefined : line(value);
}

/** What to do next at a terminal, by reason; what the message itself says is not said again. */
const remedies: Readonly<Partial<Record<Reason, (fault: Fault) => readonly (string | undefined)[]>>> = {
  STATE_INVALID: (fault) => [unsaid(fault, 'allowed', (states) => `it is allowed when the domain is: ${states}`)],
  NAME_AMBIGUOUS: (fault) => [unsaid(fault, 'candidates', (names) => `say which, by name or -n: ${names}`)],
  DOMAIN_MOVED: (fault) => [unsaid(fault, 'name', (now) => `it is ${now} now`)],
  JOB_CONFLICT: ({ metadata: { operation } }) =>
    operation ? [`see it by: vmesh operation show ${operation}`, `end it by: vmesh operation cancel ${operation}`] : [],
  CONSOLE_IN_USE: (fault) => [
    unsaid(fault, 'holder', (who) => `held by: ${who}`),
    fault.message.includes('--force') ? undefined : 'look on by --read-only, or cut the other one off by --force',
  ],
  DEVICE_BUSY: () => ['--guest-timeout gives the guest more time; it may let go of it later still'],
  ETAG_MISMATCH: () => ['it changed meanwhile: look at it again, then retry'],
  JOURNAL_TRIMMED: () => ['start without --resume, and list what there is now'],
  GUEST_AGENT_UNRESPONSIVE: ({ message }) =>
    message.includes('qemu-guest-agent')
      ? []
      : ['is qemu-guest-agent running in the guest? shutdown and reboot have a --mode without it, and destroy does without the guest'],
  NODE_UNREACHABLE: (fault) => [unsaid(fault, 'last_contact', (time) => `last contact: ${time}`)],
  SERVER_UNREACHABLE: () => ['is the server up, and the address right? -c or VIRTMESH_URI says where; vmesh doctor looks at this host'],
  // A fault of a field, and the server's own advice, say already what to do.
  HOST_INCOMPATIBLE: ({ violations, metadata }) =>
    violations.length > 0 || metadata['remedy'] ? [] : ['vmesh doctor, run on the node, says what is missing there'],
  DRIVER_UNAVAILABLE: () => ['vmesh doctor, run on the node, says what is missing there'],
  PERMISSION_DENIED: (fault) => [
    unsaid(fault, 'required', (role) => `needed: the role ${role}`),
    unsaid(fault, 'role', (role) => `yours: the role ${role}`),
  ],
  HYPERVISOR_UNRESPONSIVE: () => ['destroy ends a domain whose hypervisor does not answer'],
  // A server that says nothing to begin with is not waited for longer.
  DEADLINE_EXCEEDED: ({ metadata }) => (metadata['waited_for'] === undefined ? ['--timeout gives it more time'] : []),
  INTERNAL_BUG: (fault) => [unsaid(fault, 'incident', (id) => `look for ${id} in the log of the server`)],
};

/** The metadata that hold words of others: of a hypervisor, a command, a driver. */
const causes: readonly string[] = ['desc', 'stderr', 'why'];

/** The words of the hypervisor or tool that failed, each once, where neither the message nor a violation has them already. */
export function causeOf({ message, metadata, violations }: Fault): string[] {
  const said = [message, ...violations.map(({ description }) => description)];
  const words = causes.map((key) => metadata[key]?.trim() ?? '').filter((each) => each !== '');
  return [...new Set(words)].filter((each) => !said.some((text) => text.includes(each)));
}

/** What to do, where the message does not say so already; the server's own advice first. */
export function remediesOf(fault: Fault): string[] {
  const own = unsaid(fault, 'remedy', (remedy) => `remedy: ${remedy}`);
  return [own, ...(remedies[fault.reason]?.(fault) ?? [])].filter((line) => line !== undefined);
}
