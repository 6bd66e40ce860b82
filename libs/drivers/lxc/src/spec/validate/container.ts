import type { Violation } from '@virtmesh/base';
import { type IdRange, IdMapMode, type NamespaceSource } from '@virtmesh/contracts/domain/v1/container';
import { isDomainId } from '@virtmesh/base';
import { capabilityNames } from '../../config/capabilities.ts';
import { plainPath } from './path.ts';
import { control, type Rule, violation } from './rule.ts';

const maxArgs = 256;
const maxText = 4096;
const maxIds = 4_294_967_294;
const environmentName = /^[A-Za-z_][A-Za-z0-9_]*$/;
const netnsName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

export const init: Rule = function* ({ container }) {
  const given = container?.init;
  if (!given) return;
  const at = 'container.init';
  yield* plainPath(`${at}.path`, given.path, 'in the container');
  if (given.workingDirectory !== '/') yield* plainPath(`${at}.working_directory`, given.workingDirectory, 'in the container');
  if (given.args.length > maxArgs) yield violation(`${at}.args`, `has ${given.args.length} entries; the most is ${maxArgs}`);
  for (const [index, arg] of given.args.entries())
    if ([...arg].length > maxText) yield violation(`${at}.args[${index}]`, `must have at most ${maxText} characters`);
  yield* environment(given.environment, `${at}.environment`);
  for (const [name, id] of [['uid', given.uid] as const, ['gid', given.gid] as const])
    if (id < 0) yield violation(`${at}.${name}`, 'must be 0 or more');
  for (const [name, signal] of [['shutdown_signal', given.shutdownSignal] as const, ['reboot_signal', given.rebootSignal] as const])
    if (signal < 0 || signal > 64) yield violation(`${at}.${name}`, 'must be 1 to 64, or left out');
};

function* environment(entries: Readonly<Record<string, string>>, at: string): Generator<Violation> {
  if (Object.keys(entries).length > maxArgs) yield violation(at, `has ${Object.keys(entries).length} entries; the most is ${maxArgs}`);
  for (const [name, value] of Object.entries(entries)) {
    const field = `${at}[${JSON.stringify(name.slice(0, 100))}]`;
    if (!environmentName.test(name) || name.length > 256)
      yield violation(field, 'must be named by A-Z a-z 0-9 _, not beginning with a digit, at most 256 characters');
    if (name === 'container') yield violation(field, 'is what LXC sets, to lxc, for an init to know by; leave it out');
    if ([...value].length > maxText) yield violation(field, `must have a value of at most ${maxText} characters`);
    if (control.test(value.replaceAll('\t', ' ')) || !value.isWellFormed())
      yield violation(field, 'must have a value on one line without control characters');
  }
}

export const capabilities: Rule = function* ({ container }) {
  for (const list of ['keep', 'drop'] as const) {
    const names = container?.capabilities?.[list] ?? [];
    for (const [index, name] of names.entries()) {
      const field = `container.capabilities.${list}[${index}]`;
      if (!capabilityNames.has(name)) yield violation(field, 'must be a capability of Linux in lower case without cap_, such as net_admin');
      else if (names.indexOf(name) !== index) yield violation(field, `${name} is listed twice`);
      else if (list === 'drop' && container?.capabilities?.keep.includes(name))
        yield violation(field, `${name} is to be kept too; choose one`);
    }
  }
};

export const processes: Rule = function* ({ container }) {
  const most = container?.maxProcesses ?? 0n;
  if (most < 0n || most > 4_194_304n) yield violation('container.max_processes', 'must be 1 to 4194304, or left out for no limit');
};

export const idMap: Rule = function* ({ container, filesystems, hostDevices }) {
  const map = container?.idMap;
  if (!map) return;
  yield* ranges(map.uids, 'container.id_map.uids');
  yield* ranges(map.gids, 'container.id_map.gids');
  const { uid = 0, gid = 0 } = container.init ?? {};
  for (const [name, id, list] of [['uid', uid, map.uids] as const, ['gid', gid, map.gids] as const])
    if (id > 0 && !list.some(({ start, count }) => start <= id && BigInt(id) < start + count))
      yield violation(`container.init.${name}`, `${id} is in no range of container.id_map.${name}s`);
  if (map.mode === IdMapMode.OWNED) return;
  for (const [index, { scratch }] of filesystems.entries())
    if (scratch)
      yield violation(
        `filesystems[${index}].scratch`,
        'the kernel cannot translate owners through such a layer; use id_map.mode OWNED, or no scratch',
      );
  for (const [index, { source }] of hostDevices.entries())
    if (source?.$case === 'networkInterface')
      yield violation(
        `host_devices[${index}].network_interface`,
        'cannot be given to a container with an id map; use an interface on a bridge',
      );
};

function* ranges(list: readonly IdRange[], at: string): Generator<Violation> {
  if (list.length > 32) return yield violation(at, `has ${list.length} ranges; the most is 32`);
  if (!list.some(({ start }) => start === 0n)) yield violation(at, "must have a range that begins with the container's 0");
  for (const [index, { start, target, count }] of list.entries()) {
    const field = `${at}[${index}]`;
    if (start < 0n || start > maxIds) yield violation(`${field}.start`, `must be 0 to ${maxIds}`);
    if (target < 1n || target > maxIds) yield violation(`${field}.target`, `must be 1 to ${maxIds}: not the node's root`);
    if (count < 1n || start + count - 1n > maxIds || target + count - 1n > maxIds)
      yield violation(`${field}.count`, `must be 1 or more, and lead no range beyond ${maxIds}`);
    for (const [other, range] of list.slice(0, index).entries()) {
      if (overlap(start, range.start, count, range.count) || overlap(target, range.target, count, range.count))
        yield violation(field, `overlaps with ${at}[${other}]`);
    }
  }
}

const overlap = (a: bigint, b: bigint, countA: bigint, countB: bigint): boolean => a < b + countB && b < a + countA;

export const namespaces: Rule = function* ({ container, interfaces, hostDevices }) {
  const shared = container?.namespaces;
  if (!shared) return;
  for (const kind of ['network', 'ipc', 'uts'] as const) yield* namespaceSource(shared[kind], kind);
  if (!shared.network?.source) return;
  if (interfaces.length > 0) yield violation('interfaces', 'must be empty where the network is shared: it has those of the other');
  for (const [index, { source }] of hostDevices.entries())
    if (source?.$case === 'networkInterface')
      yield violation(`host_devices[${index}].network_interface`, 'cannot be given where the network is shared');
};

function* namespaceSource(shared: NamespaceSource | undefined, kind: string): Generator<Violation> {
  const field = `container.namespaces.${kind}`;
  if (!shared) return;
  if (!shared.source) yield violation(field, 'must name a domain or a namespace, or be left out');
  else if (shared.source.$case === 'domain' && !isDomainId(shared.source.value))
    yield violation(`${field}.domain`, "must be the last segment of a domain's name on this node");
  else if (shared.source.$case === 'named' && kind !== 'network')
    yield violation(`${field}.named`, 'only networks have names; name a domain');
  else if (shared.source.$case === 'named' && !netnsName.test(shared.source.value))
    yield violation(
      `${field}.named`,
      'must be the name of a network namespace: 1 to 63 characters of A-Z a-z 0-9 . _ -, beginning with a letter or digit',
    );
}
