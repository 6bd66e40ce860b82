import type { Fault, Reason } from '@virtmesh/base';

type Lines = (metadata: Readonly<Record<string, string>>) => readonly (string | undefined)[];

const withValue = (value: string | undefined, line: (value: string) => string): string | undefined => (value ? line(value) : undefined);

/** What to do next at a terminal, by reason; what the message itself says is not said again. */
const remedies: Readonly<Partial<Record<Reason, Lines>>> = {
  STATE_INVALID: ({ allowed }) => [withValue(allowed, (states) => `it is allowed when the domain is: ${states}`)],
  NAME_AMBIGUOUS: ({ candidates }) => [withValue(candidates, (names) => `say which, by name or -n: ${names}`)],
  DOMAIN_MOVED: ({ name }) => [withValue(name, (now) => `it is ${now} now`)],
  JOB_CONFLICT: ({ operation }) => [
    withValue(operation, (held) => `see it by: vmesh operation show ${held}`),
    withValue(operation, (held) => `end it by: vmesh operation cancel ${held}`),
  ],
  CONSOLE_IN_USE: ({ holder }) => [
    withValue(holder, (who) => `held by: ${who}`),
    'look on by --read-only, or cut the other one off by --force',
  ],
  ETAG_MISMATCH: () => ['it changed meanwhile: look at it again, then retry'],
  JOURNAL_TRIMMED: () => ['start without --resume, and list what there is now'],
  GUEST_AGENT_UNRESPONSIVE: () => ['try --mode acpi, or end the domain by: vmesh destroy'],
  NODE_UNREACHABLE: ({ last_contact: contact }) => [withValue(contact, (time) => `last contact: ${time}`)],
  SERVER_UNREACHABLE: () => ['is the server up, and the address right? -c or VIRTMESH_URI says where; vmesh doctor looks at this host'],
  HOST_INCOMPATIBLE: () => ['vmesh doctor, run on the node, says what is missing there'],
  DRIVER_UNAVAILABLE: ({ why }) => [why, 'vmesh doctor, run on the node, says what is missing there'],
  PERMISSION_DENIED: ({ role, required }) => [
    withValue(required, (needed) => `needed: the role ${needed}${role ? `; yours: ${role}` : ''}`),
  ],
  HYPERVISOR_UNRESPONSIVE: () => ['destroy ends a domain whose hypervisor does not answer'],
  DEADLINE_EXCEEDED: () => ['--timeout gives it more time'],
  INTERNAL_BUG: ({ incident }) => [withValue(incident, (id) => `look for ${id} in the log of the server`)],
};

/** The metadata that hold words of others: of a hypervisor, a command, a driver. */
const causes: readonly string[] = ['hypervisor_message', 'qemu', 'stderr', 'why', 'cause', 'error', 'words', 'output', 'detail'];

/** The words of the hypervisor or tool that failed, where the message does not have them already. */
export function causeOf(fault: Fault): string[] {
  return causes
    .map((key) => fault.metadata[key]?.trim())
    .filter((words): words is string => words !== undefined && words !== '' && !fault.message.includes(words));
}

/** What to do, where the message does not say so already. */
export function remediesOf(fault: Fault): string[] {
  return (remedies[fault.reason]?.(fault.metadata) ?? []).filter(
    (line): line is string => line !== undefined && line !== '' && !fault.message.includes(line) && !causeOf(fault).includes(line),
  );
}
