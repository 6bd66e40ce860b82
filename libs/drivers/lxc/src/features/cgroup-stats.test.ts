import { expect, test } from 'vitest';
import { parseBlockCounters, parsePairs } from './cgroup-stats.ts';
import { parseMounts, parseOsRelease } from './guest-files.ts';

test('counters of control groups are read in both versions', () => {
  expect(parsePairs('user 12\nsystem 3\nbad x\n')).toEqual(
    new Map([
      ['user', 12n],
      ['system', 3n],
    ]),
  );
  const counters = { readBytes: 4096n, writeBytes: 8192n, readRequests: 1n, writeRequests: 2n };
  const legacy = { t: 'v1', bytes: '7:0 Read 4096\n7:0 Write 8192\nTotal 12288\n', requests: '7:0 Read 1\n7:0 Write 2\n' } as const;
  expect(parseBlockCounters(legacy)).toEqual(new Map([['7:0', counters]]));
  expect(parseBlockCounters({ t: 'v2', stat: '7:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n' })).toEqual(
    new Map([['7:0', counters]]),
  );
});

test('what a container says of itself is read as it is meant', () => {
  const words = parseOsRelease('ID=debian\nNAME="Debian GNU/Linux"\nPRETTY_NAME=\'A "B"\'\nVERSION="\\$1"\n# NAME=x\nbad\n');
  expect(Object.fromEntries(words)).toEqual({ ID: 'debian', NAME: 'Debian GNU/Linux', PRETTY_NAME: 'A "B"', VERSION: '$1' });
  expect(parseMounts('/dev/sda / ext4 rw 0 0\nproc /proc proc rw 0 0\ntmpfs /dev tmpfs rw 0 0\n/x /a\\040b xfs rw 0 0\n')).toEqual([
    { device: '/dev/sda', mountPoint: '/', type: 'ext4' },
    { device: '/x', mountPoint: '/a b', type: 'xfs' },
  ]);
});
