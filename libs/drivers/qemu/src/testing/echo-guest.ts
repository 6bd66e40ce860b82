/**
 * A boot sector that says `ready` on the first serial port, sends back what it gets there, and does as it is told by
 * single letters: `w` writes a sector at 15.5 KiB of its disk, `q` powers off (q35), `r` resets, `p` panics (pvpanic).
 *
 *   cli; ds = es = ss = 0; sp = 0x7c00; print: lodsb; out 0x3f8 until NUL
 *   echo: wait for 0x3fd bit 0; in, out 0x3f8; 'w' -> int 0x13; 'q' -> out 0x604, 0x2000; 'r' -> out 0x64, 0xfe;
 *   'p' -> out 0x505, 1
 */
const code =
  'fa31c08ed88ec08ed0bc007cbe607cac08c07406baf803eeebf5bafd03eca80174f8baf803ecee3c7774253c7174103c7274153c7075e3ba0505b001eeebdbba0406b80020efebd2ba6400b0feeeebfeb80103bb007cb92000ba8000cd13ebba';
const greeting = 'ready\n';

/** What the guest says when it has booted. */
export const echoReady = 'ready';

/** A raw disk image of 1 MiB that boots into the echo guest. All but its first sector is empty. */
export function echoDisk(): Buffer {
  const disk = Buffer.alloc(1024 * 1024);
  const length = disk.write(code, 'hex');
  disk.write(greeting, length, 'latin1');
  disk.writeUInt16LE(0xaa55, 510);
  return disk;
}
