import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault } from '@virtmesh/base';
import { DomainState } from '@virtmesh/contracts/domain/v1/domain';
import { expect, test, vi } from 'vitest';
import { benches } from '../../testing/benches.ts';
import type { Bench, Outcome } from '../../testing/vmesh.ts';

vi.setConfig({ testTimeout: 60_000 });

let bench: Bench;
benches((started) => {
  bench = started;
  bench.world.add('web', { status: { state: DomainState.RUNNING } });
});

/** An editor that does one thing after the other, a shell command on "$1" for each time that it is opened, and keeps what it saw. */
async function edited(steps: readonly string[], ...words: string[]): Promise<Outcome & { readonly seen: readonly string[] }> {
  const editor = join(bench.directory, 'editor');
  const cases = steps.map((step, index) => `${index}) ${step} ;;`).join('\n');
  await writeFile(
    editor,
    `#!/bin/sh\ncd ${bench.directory}\nn=$(cat count 2>/dev/null || echo 0)\ncp "$1" seen-$n\necho $((n + 1)) >count\ncase $n in\n${cases}\n*) exit 9 ;;\nesac\n`,
  );
  await chmod(editor, 0o755);
  await writeFile(join(bench.directory, 'count'), '0');
  const outcome = await bench.call(['edit', 'web', ...words], { env: { EDITOR: editor, TMPDIR: bench.directory } });
  const seen = await Promise.all(steps.map((_, index) => readFile(join(bench.directory, `seen-${index}`), 'utf8').catch(() => '')));
  return { ...outcome, seen };
}

const spec = () => bench.world.find('nodes/n1/domains/web').spec;
const text = 'name: web\nspec:\n  hypervisor: qemu\n  memory:\n    size_bytes: 256MiB\n';
const keptFile = (stderr: string): string => /what was written is kept in (\S+)/.exec(stderr)?.[1] ?? '';

test('the definition as dumpspec prints it, and what became of what was written', async () => {
  const outcome = await edited(['sed -i s/256MiB/512MiB/ "$1"']);
  expect(outcome.seen[0]).toBe(`#! The definition of web, in force at its next start. Lines with #! are left out.\n${text}`);
  expect(outcome).toMatchObject({ code: 0, stdout: 'FIELD    EFFECT       WHY\nmemory   next start   -\n', stderr: '' });
  expect(spec()?.memory?.sizeBytes).toBe(512n << 20n);
  expect(bench.world.requests.find(({ method }) => method === 'updateDomain')?.request).toMatchObject({
    name: 'nodes/n1/domains/web',
    updateMask: ['*'],
    scope: 2,
    etag: 'e1',
  });
});

test('a dry run says what would become of it, changes nothing, and keeps what was written', async () => {
  const outcome = await edited(['sed -i s/256MiB/512MiB/ "$1"; echo "autostart: true" >>"$1"'], '--dry-run');
  expect(outcome).toMatchObject({ code: 0, stdout: 'FIELD    EFFECT       WHY\nmemory   next start   -\n' });
  expect(spec()?.memory?.sizeBytes).toBe(256n << 20n);
  expect(bench.world.find('nodes/n1/domains/web').autostart).toBe(false);
  expect(await readFile(keptFile(outcome.stderr), 'utf8')).toContain('size_bytes: 512MiB');
});

test('unchanged, and emptied, is nothing', async () => {
  expect(await edited([':'])).toMatchObject({ code: 0, stdout: 'domain web unchanged\n', stderr: '' });
  expect(await edited([': >"$1"'])).toMatchObject({ code: 0, stdout: 'domain web unchanged\n', stderr: '' });
  expect(bench.world.requests.some(({ method }) => method === 'updateDomain')).toBe(false);
  expect(await edited(['echo "# a remark" >>"$1"'])).toMatchObject({ code: 0, stdout: 'domain web unchanged\n', stderr: '' });
});

test('faults of the text, and those that the server finds, are written above it, with their places as they are below', async () => {
  bench.world.faults.set(
    'updateDomain',
    Fault.ofViolations('SPEC_INVALID', 'the definition is not valid', [
      { field: 'spec.memory.size_bytes', description: 'must be at most 64 GiB' },
    ]),
  );
  const outcome = await edited(['sed -i s/size_bytes/size/ "$1"', 'sed -i s/size:.*/size_bytes:\\ 1TiB/ "$1"', ':']);
  expect(outcome.seen[1]).toBe(
    `#! The definition of web was refused, and is not changed. Close the editor without a change to give up.\n#! line 7, column 5: spec.memory.size: there is no such field; did you mean size_bytes?\n${text.replace('size_bytes', 'size')}`,
  );
  expect(outcome.seen[2]).toContain('#! line 7, column 5: spec.memory.size_bytes: must be at most 64 GiB\nname: web\n');
  expect(outcome.code).toBe(1);
  expect(outcome.stderr).toContain('error: draft:5:5: spec.memory.size_bytes: must be at most 64 GiB\n');
  expect(await readFile(keptFile(outcome.stderr), 'utf8')).toContain('size_bytes: 1TiB');
});

test('it stays the same domain', async () => {
  const outcome = await edited(['sed -i "s/name: web/name: shop/" "$1"', 'sed -i "s/name: shop/name: web/" "$1"']);
  expect(outcome.seen[1]).toContain('#! line 3, column 1: name: must stay web; domrename gives it another one\n');
  expect(outcome).toMatchObject({ code: 0, stdout: 'domain web unchanged\n' });
});

test('what was written is never lost', async () => {
  bench.world.faults.set('updateDomain', new Fault('ETAG_MISMATCH', 'web changed meanwhile', {}));
  const outcome = await edited(['echo "autostart: true" >>"$1"'], '-q');
  expect(outcome.code).toBe(1);
  expect(outcome.stderr).toContain('error: web changed meanwhile\n');
  expect(await readFile(keptFile(outcome.stderr), 'utf8')).toContain(`${text}autostart: true\n`);
});

test('autostart is changed too', async () => {
  expect(await edited(['echo "autostart: true" >>"$1"'])).toMatchObject({
    code: 0,
    stdout: '',
    stderr: 'note: domain web starts with its node now\n',
  });
  expect(bench.world.find('nodes/n1/domains/web').autostart).toBe(true);
});

test('no editor, one that fails, and nothing to edit', async () => {
  expect(await bench.call(['edit', 'web'], { env: { VISUAL: '/none/ed -x', TMPDIR: bench.directory } })).toMatchObject({
    code: 2,
    stderr: 'error: there is no editor /none/ed: set VISUAL or EDITOR to one that is there\n',
  });
  expect(await bench.call(['edit', 'web'], { env: { EDITOR: 'false', TMPDIR: bench.directory } })).toMatchObject({
    code: 1,
    stderr: 'error: the editor false ended with 1; nothing was changed\n',
  });
  bench.world.find('nodes/n1/domains/web').spec = undefined;
  expect((await edited([])).stderr).toContain('error: domain web is transient and has no definition for a next start to edit\n');
});

test.each([
  ['another name', 's/^name: web/name: other/', 'name: must stay web; domrename gives it another one'],
  ['another uid', 's/^spec:/uid: 00000000-0000-4000-8000-000000000009\\nspec:/', 'uid: must stay '],
  ['two definitions', '$a---\\nname: two\\nspec:\\n  hypervisor: qemu', 'there are 2 definitions, and one is edited'],
])('%s is refused, and told above the text', async (_what, change, words) => {
  const outcome = await edited([`sed -i '${change}' "$1"`, ':']);
  expect(outcome.seen[1]).toContain(words);
  expect(outcome).toMatchObject({ code: 1, stderr: expect.stringContaining(words) as unknown });
});

test('what the server refuses as a whole is told above the text', async () => {
  bench.world.faults.set('updateDomain', new Fault('HOST_INCOMPATIBLE', 'the node has no such machine type', {}));
  const outcome = await edited(['sed -i s/256MiB/512MiB/ "$1"', ':']);
  expect(outcome.seen[1]).toContain('#! the node has no such machine type\n');
});
