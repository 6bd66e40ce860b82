/** The leaf fields of DomainSpec that the driver drives. A test holds it against what the builders of the command line read. */
export const drives: ReadonlySet<string> = new Set([
  'hypervisor', 'accelerator', 'arch', 'machine', 'title', 'description', 'labels', 'metadata',
  ...below('cpu', ['vcpus', 'max_vcpus', 'mode', 'model', 'features.name', 'features.policy', 'topology.sockets', 'topology.dies', 'topology.cores', 'topology.threads']),
  ...below('memory', ['size_bytes', 'current_bytes', 'balloon.disabled', 'balloon.stats_period_seconds', 'balloon.free_page_reporting']),
  ...below('boot', ['firmware', 'kernel_path', 'initrd_path', 'kernel_args', 'order', 'menu', 'menu_timeout_ms', 'nvram_path', 'secure_boot']),
  ...below('clock', ['offset', 'adjustment_seconds', 'rtc_tick_policy']),
  ...below('lifecycle', ['on_poweroff', 'on_reboot', 'on_crash']),
  ...below('disks', ['id', 'device', 'bus', 'source.file_path', 'format', 'read_only', 'cache', 'io', 'discard', 'serial', 'error_policy', 'shareable']),
  ...below('disks.throttle', ['total_bytes_per_second', 'read_bytes_per_second', 'write_bytes_per_second', 'total_iops', 'read_iops', 'write_iops']),
  ...below('interfaces', ['id', 'model', 'mac_address', 'user.restricted', 'bridge.bridge', 'mtu_bytes', 'link_down']),
  ...below('interfaces.user.forwards', ['protocol', 'host_address', 'host_port', 'guest_port']),
  ...below('serials', ['id', 'port']),
  ...below('consoles', ['id']),
  ...below('channels', ['id', 'kind', 'target_name']),
  ...below('graphics', ['id', 'vnc.listen_address', 'vnc.port', 'vnc.password', 'vnc.password_set']),
  ...below('videos', ['id', 'model', 'memory_bytes']),
  ...below('rngs', ['id', 'rate_bytes', 'period_ms']),
  ...below('watchdog', ['id', 'model', 'action']),
  ...below('vsock', ['id', 'cid']),
  ...below('qemu', ['args']),
]);

function below(parent: string, fields: readonly string[]): string[] {
  return fields.map((field) => `${parent}.${field}`);
}
