import type { Consoles } from './features/console.ts';
import type { Screenshot, SendKeys } from './features/display.ts';
import type { Dump } from './features/dump.ts';
import type { Exec } from './features/exec.ts';
import type { Addresses, Freeze, GuestInfo } from './features/guest-info.ts';
import type { Hotplug } from './features/hotplug.ts';
import type { LiveUpdate } from './features/live-update.ts';
import type { Reboot } from './features/reboot.ts';
import type { ResizeDisk } from './features/resize-disk.ts';
import type { SavedState } from './features/saved-state.ts';
import type { Stats } from './features/stats.ts';
import type { Suspend } from './features/suspend.ts';

/** What a driver may be able to do beyond the required core. Present means supported on this host. */
export interface Features {
  readonly suspend: Suspend;
  readonly reboot: Reboot;
  readonly stats: Stats;
  readonly console: Consoles;
  readonly liveUpdate: LiveUpdate;
  readonly hotplug: Hotplug;
  readonly resizeDisk: ResizeDisk;
  readonly savedState: SavedState;
  readonly dump: Dump;
  readonly screenshot: Screenshot;
  readonly sendKeys: SendKeys;
  readonly addresses: Addresses;
  readonly guestInfo: GuestInfo;
  readonly freeze: Freeze;
  readonly exec: Exec;
}
/** What a feature is called, in capabilities too. */
export type FeatureName = keyof Features;

/** What each feature is for people, who have no use for its name. The type check fails when one is forgotten. */
export const featureWords: Readonly<Record<FeatureName, string>> = {
  suspend: 'suspend and resume',
  reboot: 'reboot',
  stats: 'statistics',
  console: 'consoles',
  liveUpdate: 'changes of running guests',
  hotplug: 'attaching and detaching of devices',
  resizeDisk: 'resizing of disks',
  savedState: 'save and restore',
  dump: 'dumps',
  screenshot: 'screenshots',
  sendKeys: 'sending of keys',
  addresses: "guests' addresses",
  guestInfo: "guests' own information",
  freeze: 'freezing of file systems',
  exec: 'commands in guests',
};

/** Every feature by name, for computed capabilities. */
export const featureNames = Object.keys(featureWords) as readonly FeatureName[];
