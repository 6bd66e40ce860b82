import type { FileOwner } from '@virtmesh/driver-spi';

/** The users that guests and their log keepers run as. */
export type GuestUsers =
  /** The agent's own: it is not root, so that all that it starts and touches is its own. */
  | { readonly t: 'own' }
  /** One of a range for each guest; the first is the log keepers'. */
  | { readonly t: 'range'; readonly first: number; readonly count: number; readonly gid: number };

/** The owner that the files of a guest's user get; undefined where nothing changes hands. */
export const ownerOf = (users: GuestUsers, user: number | undefined): FileOwner | undefined =>
  users.t === 'range' && user !== undefined ? { uid: user, gid: users.gid } : undefined;

export const keeperOf = (users: GuestUsers): FileOwner | undefined =>
  users.t === 'range' ? { uid: users.first, gid: users.first } : undefined;
