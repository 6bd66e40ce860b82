import { LifecycleAction, type LifecycleActions } from '@virtmesh/contracts/domain/v1/lifecycle';
import { WatchdogAction } from '@virtmesh/contracts/domain/v1/watchdog';
import { device, keyed } from './arguments.ts';
import type { Builder } from './context.ts';

/** What QEMU does at the ends of a guest's life, in the words of `-action` and of `set-action`. */
export interface QemuActions {
  readonly reboot: 'reset' | 'shutdown';
  readonly shutdown: 'poweroff' | 'pause';
  readonly panic: 'shutdown' | 'pause';
}

/** Where QEMU cannot do what is asked it pauses the guest, and the driver goes on from there: a start anew after a power-off or crash, and a crash that is kept. */
export function qemuActions(actions: LifecycleActions | undefined): QemuActions {
  return {
    reboot: actions?.onReboot === LifecycleAction.DESTROY ? 'shutdown' : 'reset',
    shutdown: actions?.onPoweroff === LifecycleAction.RESTART ? 'pause' : 'poweroff',
    panic: actions?.onCrash === LifecycleAction.RESTART || actions?.onCrash === LifecycleAction.PRESERVE ? 'pause' : 'shutdown',
  };
}

const watchdogActions: Readonly<Record<number, string>> = {
  [WatchdogAction.RESET]: 'reset',
  [WatchdogAction.SHUTDOWN]: 'shutdown',
  [WatchdogAction.POWEROFF]: 'poweroff',
  [WatchdogAction.PAUSE]: 'pause',
  [WatchdogAction.NONE]: 'none',
  [WatchdogAction.INJECT_NMI]: 'inject-nmi',
};

/** The actions, and the device by which QEMU sees a panic of the guest's kernel. */
export const lifecycle: Builder = ({ spec }) => [
  ...keyed('-action', undefined, { ...qemuActions(spec.lifecycle), watchdog: spec.watchdog && watchdogActions[spec.watchdog.action] }),
  ...device('pvpanic', {}),
];
