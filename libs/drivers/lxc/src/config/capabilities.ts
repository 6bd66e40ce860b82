import { type ContainerCapabilities, CapabilityPolicy } from '@virtmesh/contracts/domain/v1/container';
import { type ConfigLine, lines } from './config-line.ts';

/** Linux' capabilities, as LXC names them. */
export const capabilityNames: ReadonlySet<string> = new Set(
  (
    'chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable net_bind_service net_broadcast ' +
    'net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot sys_ptrace sys_pacct sys_admin sys_boot sys_nice ' +
    'sys_resource sys_time sys_tty_config mknod lease audit_write audit_control setfcap mac_override mac_admin syslog wake_alarm ' +
    'block_suspend audit_read perfmon bpf checkpoint_restore'
  ).split(' '),
);

/** Those that reach beyond a container. */
const reachingOut = ['sys_module', 'sys_time', 'mac_admin', 'mac_override', 'audit_control'];
/** Those that do so where root in the container is the node's root. */
const reachingOutAsRoot = ['sys_rawio', 'mknod'];

/** Which capabilities the container's processes have. */
export function capabilityLines(capabilities: ContainerCapabilities | undefined, mapped: boolean): ConfigLine[] {
  const { policy, keep, drop } = capabilities ?? { policy: CapabilityPolicy.UNSPECIFIED, keep: [], drop: [] };
  if (policy === CapabilityPolicy.DENY)
    return lines({
      'lxc.cap.keep':
        keep
          .filter((name) => !drop.includes(name))
          .toSorted()
          .join(' ') || 'none',
    });
  const byDefault = policy === CapabilityPolicy.ALLOW ? [] : [...reachingOut, ...(mapped ? [] : reachingOutAsRoot)];
  const dropped = [...new Set([...byDefault.filter((name) => !keep.includes(name)), ...drop])].toSorted();
  return dropped.length > 0 ? lines({ 'lxc.cap.drop': dropped.join(' ') }) : [];
}
