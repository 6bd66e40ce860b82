import type { Host } from '@virtmesh/driver-spi';
import { basename } from 'node:path';
import { resolveInRoot } from './rootfs.ts';

/** The signals by which an init is asked, by the kernel's numbers. */
export interface InitSignals {
  readonly shutdown: number;
  readonly reboot: number;
}

const [SIGINT, SIGUSR1, SIGTERM, SIGPWR, SIGRTMIN] = [2, 10, 15, 30, 34] as const;

/** What each init takes for a shutdown and for a reboot, by its own manual. */
const inits: readonly (readonly [RegExp, InitSignals])[] = [
  [/^systemd$/, { shutdown: SIGRTMIN + 3, reboot: SIGINT }],
  [/^busybox/, { shutdown: SIGUSR1, reboot: SIGTERM }],
  [/^(?:openrc-init|init|runit-init|s6-svscan|finit)$/, { shutdown: SIGPWR, reboot: SIGINT }],
];
/** A program that is no init ends as other programs do, and does not come again. */
const program: InitSignals = { shutdown: SIGTERM, reboot: SIGINT };

export const signalsOfInit = (file: string): InitSignals => inits.find(([name]) => name.test(file))?.[1] ?? program;

/** The signals for the init at a path in a tree of files, by what it is called where the path leads. */
export async function findInitSignals(host: Host, root: string, path: string): Promise<InitSignals> {
  const target = await resolveInRoot(host, root, path);
  const name = basename(target ?? path);
  // A shell or another part of busybox is no init.
  return name.startsWith('busybox') && !/(?:^|\/)(?:init|linuxrc)$/.test(path) ? program : signalsOfInit(name);
}
