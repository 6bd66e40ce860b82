import { describe, expect, it } from 'vitest';
import { parseProcStat } from './proc-stat.ts';

const fields =
  'S 1 3956 3956 0 -1 4194624 8801 0 12 0 39 7 0 0 20 0 4 0 377458 1162190848 12933 18446744073709551615 1 1 0 0 0 0 0 268441344 17666 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 0';

describe('/proc/{pid}/stat', () => {
  it('is read, whatever the name of the process is', () => {
    const expected = { state: 'S', startTicks: '377458', userNs: 390_000_000n, systemNs: 70_000_000n, residentPages: 12_933n };
    for (const name of ['qemu-system-x86', 'a b', ') R 1 2 (', '((', ''])
      expect(parseProcStat(`3956 (${name}) ${fields}\n`)).toEqual(expected);
  });

  it.each(['', '3956', '3956 (qemu)', '3956 (qemu) S 1 2'])('is not made up of %j', (line) => {
    expect(parseProcStat(line)).toBeUndefined();
  });
});
