import { Fault } from '@virtmesh/base';
import { typeInto } from '../consoles.ts';
import { ranMs } from '../guest-life.ts';
import { textOfKeys } from '../keys.ts';
import type { Handlers } from './handler.ts';

const maxTyped = 64;

export const displayHandlers: Handlers<'screen' | 'keys'> = {
  screen: ({ display, uid }, { world }) => {
    const guest = world.running(uid);
    if (!guest.profile.displays.includes(display))
      throw new Fault('DEVICE_NOT_FOUND', `${guest.id} has no display ${display}; it has ${guest.profile.displays.join(', ') || 'none'}`, {
        device: display,
      });
    const seconds = Math.floor(ranMs(world, guest) / 1000);
    return {
      lines: ['VIRTMESH TEST GUEST', guest.id, `${guest.state}, ran ${seconds} s, boot ${guest.boots}`, `> ${guest.extras?.typed ?? ''}_`],
    };
  },
  keys: async ({ holdMs, keys, uid }, { signal, world }) => {
    const guest = world.running(uid);
    const text = textOfKeys(keys);
    await new Promise<void>((resolve, reject) => {
      const timer = world.clock.after(holdMs, resolve);
      signal.addEventListener('abort', () => {
        world.clock.cancel(timer);
        reject(new Fault('OPERATION_CANCELLED', 'the call was cancelled'));
      });
    });
    if (text === '' || guest.state !== 'running') return {};
    guest.more.typed = text.includes('\r') ? '' : (guest.more.typed + text).slice(-maxTyped);
    const [console] = guest.profile.consoles;
    if (console !== undefined) typeInto(guest, console, Buffer.from(text));
    return {};
  },
};
