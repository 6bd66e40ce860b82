import type { DriverEvent, ExitStatus } from '@virtmesh/driver-spi';
import type { Tracked } from './tracked.ts';

/** How a guest's process ended, without the hypervisor's words. */
export interface Ending {
  readonly how: Extract<DriverEvent, { t: 'exited' }>['how'];
  readonly message: string;
}

/** How a guest ended, by what was wanted, what QEMU told before, and what the kernel told of its process (which it does of children only). */
export function endingOf(destroying: boolean, shutdown: Tracked['shutdown'], status: ExitStatus | undefined): Ending {
  if (destroying) return { how: 'destroyed', message: '' };
  switch (shutdown?.cause) {
    case 'guest-panic':
      return { how: 'crashed', message: "the guest's kernel panicked" };
    case 'host-error':
      return { how: 'crashed', message: 'QEMU met an error that it could not go on after' };
    case 'host-signal':
    case 'host-ui':
      return { how: 'destroyed', message: 'QEMU was told to end by another program of the host' };
    case undefined:
      return unannounced(status);
    default:
      return { how: 'shutdown', message: '' };
  }
}

/** The end of a process that told of none over its monitor. */
function unannounced(status: ExitStatus | undefined): Ending {
  if (status?.code === 0) return { how: 'shutdown', message: '' };
  return { how: 'crashed', message: describeExit(status) };
}

export function describeExit(status: ExitStatus | undefined): string {
  if (status?.signal !== undefined) return `QEMU was killed by ${status.signal}`;
  return status?.code === undefined ? 'QEMU ended unasked' : `QEMU ended with exit code ${status.code}`;
}
