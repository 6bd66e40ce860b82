/** The leaf fields of DomainSpec that the driver drives. */
export const drives: ReadonlySet<string> = new Set([
  'hypervisor',
  'arch',
  'title',
  'description',
  'labels',
  'metadata',
  ...below('cpu', ['vcpus', 'max_vcpus', 'tune.shares', 'tune.period_us', 'tune.quota_us', 'tune.affinity']),
  ...below('memory', ['size_bytes', 'tune.hard_limit_bytes', 'tune.soft_limit_bytes', 'tune.swap_hard_limit_bytes']),
  ...below('lifecycle', ['on_poweroff', 'on_reboot']),
  ...below('interfaces', ['id', 'mac_address', 'bridge.bridge', 'mtu_bytes', 'link_down']),
  ...below('interfaces.guest', ['name', 'addresses', 'ipv4_gateway', 'ipv6_gateway']),
  ...below('consoles', ['id']),
  ...below('container', ['max_processes', 'capabilities.policy', 'capabilities.keep', 'capabilities.drop']),
  ...below('container.init', ['path', 'args', 'environment', 'working_directory', 'uid', 'gid', 'shutdown_signal', 'reboot_signal']),
  ...below('container.id_map', ['mode', 'uids.start', 'uids.target', 'uids.count', 'gids.start', 'gids.target', 'gids.count']),
  ...below('container.namespaces', ['network.domain', 'network.named', 'ipc.domain', 'uts.domain']),
  ...below('filesystems', [
    'id',
    'directory_path',
    'image_path',
    'device_path',
    'ram.size_bytes',
    'target',
    'read_only',
    'type',
    'scratch',
  ]),
  ...below('host_devices', ['id', 'block_path', 'character_path', 'network_interface', 'read_only']),
  ...below('block_io', ['weight']),
  ...below('block_io.devices', ['path', 'read_bytes_per_second', 'write_bytes_per_second', 'read_iops', 'write_iops']),
]);

/** What does for a container what these fields do for other guests. */
export const instead: ReadonlyMap<string, string> = new Map([
  ['memory.current_bytes', 'set `memory.size_bytes` instead, which a running container takes at once'],
  ['disks', 'give the container `filesystems` instead'],
  ['serials', 'give the container `consoles` instead'],
]);

function below(parent: string, fields: readonly string[]): string[] {
  return fields.map((field) => `${parent}.${field}`);
}
