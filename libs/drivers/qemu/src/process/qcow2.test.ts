import fc from 'fast-check';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseQcow2Header, qcow2HeaderBytes } from './qcow2.ts';

describe('the header of a qcow2 image', () => {
  let directory: string;
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'vmi-'));
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  const image = (...args: string[]): Buffer => {
    const path = join(directory, 'image.qcow2');
    execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', ...args, path, '1M']);
    return readFileSync(path).subarray(0, qcow2HeaderBytes);
  };
  const plain = { backingFile: undefined, backingFormat: undefined, hasDataFile: false, encrypted: false };

  it('is read as qemu-img writes it, in both versions', () => {
    expect(parseQcow2Header(image())).toEqual(plain);
    expect(parseQcow2Header(image('-o', 'compat=0.10'))).toEqual(plain);
    for (const compat of ['0.10', '1.1']) {
      expect(parseQcow2Header(image('-o', `compat=${compat}`, '-u', '-b', 'sub/base.raw', '-F', 'raw'))).toEqual({
        ...plain,
        backingFile: 'sub/base.raw',
        backingFormat: 'raw',
      });
    }
    expect(parseQcow2Header(image('-u', '-b', '/images/ä b.qcow2', '-F', 'qcow2'))).toMatchObject({
      backingFile: '/images/ä b.qcow2',
      backingFormat: 'qcow2',
    });
    expect(parseQcow2Header(image('-o', `data_file=${join(directory, 'data.raw')}`))).toMatchObject({ hasDataFile: true });
    expect(
      parseQcow2Header(image('--object', 'secret,id=s,data=x', '-o', 'encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10')),
    ).toMatchObject({ encrypted: true });
  });

  it('is refused where it is no header, and never read past its end', () => {
    const good = image('-u', '-b', 'base.raw', '-F', 'raw');
    expect(() => parseQcow2Header(Buffer.alloc(0))).toThrow(RangeError);
    expect(() => parseQcow2Header(good.subarray(0, 80))).toThrow('cut off');
    const future = Buffer.from(good);
    future.writeUInt32BE(4, 4);
    expect(() => parseQcow2Header(future)).toThrow('version 4');
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat({ max: 140 }), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 12 }),
        fc.nat({ max: 600 }),
        (changes, length) => {
          const broken = Buffer.from(good.subarray(0, length));
          for (const [at, value] of changes) if (at < broken.length) broken[at] = value;
          try {
            parseQcow2Header(broken);
          } catch (thrown) {
            expect(thrown).toBeInstanceOf(RangeError);
            expect(thrown).not.toHaveProperty('code');
          }
        },
      ),
    );
  });
});
