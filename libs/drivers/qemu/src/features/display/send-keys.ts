import { Fault } from '@virtmesh/base';
import type { SendKeys } from '@virtmesh/driver-spi';
import { setTimeout as pass } from 'node:timers/promises';
import type { DriverContext } from '../../context.ts';
import { keyCodes } from './key-codes.ts';

export const sendKeysFeature = ({ guests }: DriverContext): SendKeys => ({
  keys: new Set(keyCodes.keys()),
  sendKeys: async (guest, names, holdMs, signal) => {
    const keys = names.map((name) => ({ type: 'qcode', data: keyCodes.get(name) ?? unknown(name) }) as const);
    await guests.running(guest).execute('send-key', { keys, 'hold-time': holdMs }, signal);
    // QEMU answers when they are down, and tells nobody when it lets them go.
    await pass(holdMs, undefined, { signal });
  },
});

function unknown(name: string): never {
  throw new Fault(
    'REQUEST_INVALID',
    `keys: ${JSON.stringify(name)} cannot be pressed; use a name of Linux' such as KEY_A or KEY_LEFTCTRL`,
    {
      field: 'keys',
    },
  );
}
