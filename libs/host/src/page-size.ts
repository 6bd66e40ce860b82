import { readFileSync } from 'node:fs';

const atPageSize = 6n;

/** The size of a memory page, which the kernel hands every process in its auxiliary vector; 4096 where that cannot be read. */
export function pageBytes(auxv: () => Buffer = () => readFileSync('/proc/self/auxv')): bigint {
  try {
    const vector = auxv();
    for (let at = 0; at + 16 <= vector.length; at += 16) {
      if (vector.readBigUInt64LE(at) === atPageSize) return vector.readBigUInt64LE(at + 8);
    }
  } catch {
    // Falls through to the size of nearly every machine.
  }
  return 4096n;
}
