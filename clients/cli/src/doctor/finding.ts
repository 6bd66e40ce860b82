import type { ExaminedHost } from './host.ts';

/** `missing`: virtmesh does not work without it; `warn`: some of it does not. */
export type FindingStatus = 'ok' | 'warn' | 'missing';

export interface Finding {
  readonly check: string;
  readonly status: FindingStatus;
  /** What is there, or what is not. */
  readonly found: string;
  /** What it is needed for. */
  readonly why: string;
  /** What to do, where something is to be done. */
  readonly remedy?: string;
  /** The Debian package that brings it, where one does. */
  readonly package?: string;
}

/** Looks at one thing. */
export type Check = (host: ExaminedHost) => Promise<Finding>;

export const aptInstall = (packages: readonly string[], isRoot: boolean): string =>
  `${isRoot ? '' : 'sudo '}apt-get install --yes ${packages.join(' ')}`;
