import { expect } from 'vitest';
import { soon } from '../agent-bench.ts';
import type { Subject } from '../subject.ts';
import { suite } from '../suite.ts';

/** Displays and keyboards, and guests that cannot be asked. */
export const displayCases = (subject: Subject): void =>
  suite(subject, 'seen from outside', ({ feature }) => {
    feature('screenshot', 'a picture of a display is a PNG', 'rich', async (kept, bench) => {
      await bench.start(kept);
      const [display] = bench.feature('screenshot').displays(kept.active);
      if (display === undefined) throw new Error('a rich guest has no display');
      const { data, mimeType } = await bench.feature('screenshot').screenshot(kept.guest, display, soon());
      expect(mimeType).toBe('image/png');
      const bytes = Buffer.from(data);
      expect(bytes.subarray(0, 8).toString('hex')).toBe('89504e470d0a1a0a');
      expect(bytes.readUInt32BE(16)).toBeGreaterThan(0);
      expect(bytes.subarray(-8, -4).toString('latin1')).toBe('IEND');
    });

    feature('sendKeys', 'keys that it knows are pressed', 'rich', async (kept, bench) => {
      const keyboard = bench.feature('sendKeys');
      for (const key of keyboard.keys) expect(key).toMatch(/^KEY_[A-Z0-9_]+$/);
      expect([...keyboard.keys]).toEqual(expect.arrayContaining(['KEY_A', 'KEY_ENTER', 'KEY_LEFTCTRL']));
      await expect(keyboard.sendKeys(kept.guest, ['KEY_A'], 1, soon())).rejects.toMatchObject({ reason: 'STATE_INVALID' });
      await bench.start(kept);
      await keyboard.sendKeys(kept.guest, ['KEY_LEFTSHIFT', 'KEY_A'], 1, soon());
      await keyboard.sendKeys(kept.guest, ['KEY_ENTER'], 1, soon());
    });

    feature('guestInfo', 'a guest that does not run cannot be asked', 'rich', async (kept, bench) => {
      await expect(bench.feature('guestInfo').guestInfo(kept.guest, kept.spec, soon())).rejects.toMatchObject({ reason: 'STATE_INVALID' });
    });
  });
