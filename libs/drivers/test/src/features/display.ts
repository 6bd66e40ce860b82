import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { Screenshot, SendKeys } from '@virtmesh/driver-spi';
import type { DriverContext } from '../context.ts';
import { callGuest } from '../lifecycle/call-guest.ts';
import { keyNames } from '../simulator/keys.ts';
import { drawText } from './picture/draw-text.ts';
import { encodePng } from './picture/png.ts';

export const displaysOf = (spec: DomainSpec): readonly string[] => spec.videos.map(({ id }) => id);

export const screenshotFeature = (context: DriverContext): Screenshot => ({
  displays: displaysOf,
  screenshot: async (guest, display, signal) => {
    const { lines } = await callGuest(context, guest, 'screen', { display }, signal);
    return { mimeType: 'image/png', data: encodePng(drawText(lines)) };
  },
});

export const sendKeysFeature = (context: DriverContext): SendKeys => ({
  keys: keyNames,
  sendKeys: async (guest, keys, holdMs, signal) => void (await callGuest(context, guest, 'keys', { keys, holdMs }, signal)),
});
