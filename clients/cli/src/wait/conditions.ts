/** What can be waited for. */
export const conditions = [
  'state=running',
  'state=paused',
  'state=shutoff',
  'state=crashed',
  'state=pmsuspended',
  'agent-connected',
  'address',
  'job=none',
  'deleted',
] as const;
export type Condition = (typeof conditions)[number];
