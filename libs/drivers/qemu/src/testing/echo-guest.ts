/**
 * A boot sector that says `ready` on the first serial port, sends back what it gets there, and does as it is told by
 * single letters: `q` powers off (q35), `r` resets, `p` panics (pvpanic).
 *
 *   cli; ds = 0; print: lodsb; out 0x3f8 until NUL
 *   echo: wait for 0x3fd bit 0; in, out 0x3f8; 'q' -> out 0x604, 0x2000; 'r' -> out 0x64, 0xfe; 'p' -> out 0x505, 1
 */
const code =
  'fa31c08ed8be457cac08c07406baf803eeebf5bafd03eca80174f8baf803ecee3c7174103c7274153c7075e7ba0505b001eeebdfba0406b80020efebd6ba6400b0feeeebfe';
const greeting = 'ready\n';

/** What the guest says when it has booted. */
export const echoReady = 'ready';

/** A raw disk image of 1 MiB that boots into the echo guest. */
export function echoDisk(): Buffer {
  const disk = Buffer.alloc(1024 * 1024);
  const length = disk.write(code, 'hex');
  disk.write(greeting, length, 'latin1');
  disk.writeUInt16LE(0xaa55, 510);
  return disk;
}
