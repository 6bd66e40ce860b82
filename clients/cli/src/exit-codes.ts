/** How a call ended, for the shell. */
export const exitCodes = { done: 0, failed: 1, usage: 2 } as const;
