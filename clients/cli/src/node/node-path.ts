import { UsageError } from '../usage-error.ts';

/** A path on the node, where nobody's working directory counts. */
export function nodePath(text: string): string {
  if (!text.startsWith('/')) throw new UsageError(`${JSON.stringify(text.slice(0, 200))} is a path on the node: write it from / on`);
  return text;
}
