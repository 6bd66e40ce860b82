/**
 * Small files of what runs, in a directory in memory such as /run. They are made and removed at once: to hand each call to
 * a thread and to come back would take many times longer. Not for what can lie on a disk of the network.
 */
export interface HostRunFiles {
  /** Makes a directory, and the ones above it; one that is there gets the mode. */
  makeDirectory(path: string, mode: number): void;
  /** Writes a file whole, so that a reader sees the old or the new text. */
  writeText(path: string, text: string, mode: number): void;
  /** Removes a file, or a directory with all in it, when nobody writes in it any more. Absence is success. */
  remove(path: string): void;
}
