import { readFile, writeFile } from 'node:fs/promises';
import { completed, type Lock, lockFaults } from './lock.ts';

// Checks that both lock files are good for `npm ci` everywhere; with --complete, adds what they lack.
const complete = process.argv.includes('--complete');

for (const path of ['package-lock.json', 'toolchain/package-lock.json']) {
  const text = await readFile(path, 'utf8');
  const lock = JSON.parse(text) as Lock;
  const wanted = complete ? completed(lock) : lock;
  const newText = `${JSON.stringify(wanted, null, 2)}\n`;
  if (complete && newText !== text) await writeFile(path, newText);
  for (const fault of lockFaults(wanted)) {
    process.stdout.write(`${path}: ${fault}\n`);
    process.exitCode = 1;
  }
}
