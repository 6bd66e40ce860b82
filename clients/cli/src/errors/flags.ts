import { Fault, type Violation } from '@virtmesh/base';

/** The parts of requests that messages advise, in backticks, as they are given here. */
const advised: ReadonlyMap<string, string> = new Map([
  ['destroy', '--destroy'],
  ['keep_running', '--keep-running'],
  ['managed_save', '--managed-save'],
  ['force_boot', '--force-boot'],
  ['read_only', '--read-only'],
  ['no_follow', '--no-follow'],
  ['force', '--force'],
  ['scope CONFIG', '--config'],
  ['scope LIVE', '--live'],
]);

/** The parts of definitions that messages advise, in backticks, which have a verb of their own here. */
const settings: ReadonlyMap<string, string> = new Map([
  ['memory.size_bytes', 'memory.size_bytes (vmesh setmaxmem)'],
  ['cpu.max_vcpus', 'cpu.max_vcpus (vmesh setvcpus --maximum)'],
]);

/** The fields of requests whose values are given here by flags. */
const fields: ReadonlyMap<string, string> = new Map([
  ['open.device', '--device'],
  ['open.replay_bytes', '--replay'],
  ['open.working_directory', '--workdir'],
  ['open.terminal', '--tty'],
  ['open.uid', '--user'],
  ['open.gid', '--user'],
  ['mount_points', '--mountpoint'],
  ['hold_time', '--holdtime'],
  ['video', '--video'],
  ['resume_token', '--resume'],
]);

/** All flags of which faults are told. */
export const flagNames: readonly string[] = [...advised.values(), ...fields.values()];

const flagOf = (field: string): string | undefined => fields.get(field.replace(/\[\d+\]$/, ''));

const withFlags = (text: string): string =>
  text.replace(/`([a-z_.]+(?: [A-Z]+)?)`/g, (quoted, part: string) => advised.get(part) ?? settings.get(part) ?? quoted);

/** A server's fault in the words of the command line, for people: by flags where it speaks of parts of its request. */
export function inFlags(fault: Fault): Fault {
  let message = withFlags(fault.message);
  const why = withFlags(fault.metadata['why'] ?? '');
  const violations = fault.violations.map((violation): Violation => {
    const flag = flagOf(violation.field);
    const description = withFlags(violation.description);
    if (flag !== undefined) message = message.replaceAll(violation.field, flag);
    const told = description === violation.description ? violation : { ...violation, description };
    return flag === undefined ? told : { ...told, field: flag };
  });
  if (
    message === fault.message &&
    why === (fault.metadata['why'] ?? '') &&
    violations.every((violation, index) => violation === fault.violations[index])
  )
    return fault;
  const { reason, cause, retryAfterMs } = fault;
  const metadata = why === '' ? fault.metadata : { ...fault.metadata, why };
  return new Fault(reason, message, metadata, { violations, cause, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) });
}
