import type { DriverEvent } from '@virtmesh/driver-spi';
import type { InitEnd } from './state-bus.ts';

/** How a container ended, without LXC's words. */
export interface Ending {
  readonly how: Extract<DriverEvent, { t: 'exited' }>['how'];
  readonly message: string;
}

/** By these the kernel ends the init of a pid namespace that asks for a halt or a reboot. */
const halted = 2;

export interface EndFacts {
  readonly destroying: boolean;
  /** Whether it was asked to shut down. */
  readonly asked: boolean;
  /** What its monitor told of its init; undefined where it told nothing. */
  readonly init: InitEnd | undefined;
}

/** How a container ended, by what was wanted and how its init ended. */
export function endingOf({ destroying, asked, init }: EndFacts): Ending {
  if (destroying) return { how: 'destroyed', message: '' };
  if (!init) return { how: 'crashed', message: "the container's monitor ended unasked" };
  if (asked || init.signal === halted || (init.signal === 0 && init.code === 0)) return { how: 'shutdown', message: '' };
  return { how: 'crashed', message: describeEnd(init) };
}

export const describeEnd = ({ code, signal }: InitEnd): string =>
  signal === 0 ? `the container's init ended with exit code ${code}` : `the container's init was killed by signal ${signal}`;
