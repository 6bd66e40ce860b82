import { describe, expect, it } from 'vitest';
import { newcArchive } from './newc-archive.ts';

interface Header {
  readonly name: string;
  readonly mode: string;
  readonly data: string;
}

/** Reads an archive as the kernel does: by its headers alone. */
function read(archive: Buffer): readonly Header[] {
  const headers: Header[] = [];
  const aligned = (offset: number): number => (offset + 3) & ~3;
  for (let offset = 0; offset < archive.length;) {
    const field = (index: number): number =>
      Number.parseInt(archive.toString('latin1', offset + 6 + index * 8, offset + 14 + index * 8), 16);
    expect(archive.toString('latin1', offset, offset + 6)).toBe('070701');
    const nameStart = offset + 110;
    const dataStart = aligned(nameStart + field(11));
    headers.push({
      name: archive.toString('utf8', nameStart, nameStart + field(11) - 1),
      mode: field(1).toString(8),
      data: archive.toString('utf8', dataStart, dataStart + field(6)),
    });
    offset = aligned(dataStart + field(6));
  }
  return headers;
}

describe('newc archive', () => {
  it('holds directories, files and links, parents first, and ends with a trailer', () => {
    const archive = newcArchive([
      { kind: 'file', path: 'etc/acpi/event', data: Buffer.from('#!/bin/sh\n'), executable: true },
      { kind: 'file', path: 'etc/passwd', data: Buffer.from('root'), executable: false },
      { kind: 'link', path: 'bin/sh', target: 'busybox' },
    ]);
    expect(read(archive)).toEqual([
      { name: 'etc', mode: '40755', data: '' },
      { name: 'etc/acpi', mode: '40755', data: '' },
      { name: 'etc/acpi/event', mode: '100755', data: '#!/bin/sh\n' },
      { name: 'etc/passwd', mode: '100644', data: 'root' },
      { name: 'bin', mode: '40755', data: '' },
      { name: 'bin/sh', mode: '120777', data: 'busybox' },
      { name: 'TRAILER!!!', mode: '0', data: '' },
    ]);
    expect(archive.length % 4).toBe(0);
  });

  it('is a function of its entries', () => {
    const entries = [{ kind: 'file', path: 'a', data: Buffer.from('x'), executable: false }] as const;
    expect(newcArchive(entries).equals(newcArchive(entries))).toBe(true);
  });
});
