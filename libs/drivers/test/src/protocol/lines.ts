/** What one message takes at most: a console's log or a chunk of a dump fits. */
export const maxLineBytes = 1024 * 1024;

/** A message as it goes over the wire: a line of JSON. */
export const encodeLine = (message: object): string => `${JSON.stringify(message)}\n`;
