import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { hostRunFiles } from './run-files.ts';

const files = hostRunFiles();
let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'vmr-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

it('directories are made with those above them, and get their mode also where they are there', () => {
  const path = join(directory, 'a/b');
  files.makeDirectory(path, 0o700);
  expect(statSync(path).mode & 0o777).toBe(0o700);
  files.makeDirectory(path, 0o711);
  expect(statSync(path).mode & 0o777).toBe(0o711);
});

it('a file is written whole in place of another, and removed with its directory; absence is success', () => {
  const path = join(directory, 'c');
  files.makeDirectory(path, 0o755);
  files.writeText(join(path, 'f'), 'one', 0o600);
  files.writeText(join(path, 'f'), 'two', 0o600);
  expect(readdirSync(path)).toEqual(['f']);
  expect(readFileSync(join(path, 'f'), 'utf8')).toBe('two');
  expect(statSync(join(path, 'f')).mode & 0o777).toBe(0o600);
  files.remove(path);
  files.remove(path);
  expect(existsSync(path)).toBe(false);
});
