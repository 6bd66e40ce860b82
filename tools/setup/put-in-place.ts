import { rename } from 'node:fs/promises';

/** Gives a finished directory its final name. If another process was faster, its directory stays: both are equal. */
export async function putInPlace(finished: string, destination: string): Promise<void> {
  try {
    await rename(finished, destination);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
  }
}
