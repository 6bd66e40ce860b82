import { mkdir, writeFile } from 'node:fs/promises';
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
});

const ok = (stdout: string): Outcome => ({ code: 0, stdout, stderr: '' });
const definition = (name: string, more = ''): string =>
  `name: ${name}\n${more}spec:\n  hypervisor: qemu\n  memory: { size_bytes: 256MiB }\n`;
const apply = (input: string, ...words: string[]): Promise<Outcome> => bench.call(['apply', '-f', '-', ...words], { input });
const methods = (): string[] => bench.world.requests.map(({ method }) => method).filter((method) => !/^get|check/i.test(method));

test('created, configured, unchanged; started and shut down as the file says', async () => {
  expect(await apply(definition('web', 'running: true\n'))).toEqual(ok('domain web created, started\n'));
  expect(await apply(definition('web', 'running: true\n'))).toEqual(ok('domain web unchanged\n'));
  expect(await apply(definition('web'))).toEqual(ok('domain web unchanged\n'));
  expect(await apply(definition('web').replace('256', '512'))).toEqual(ok('domain web configured\n'));
  expect(await apply(definition('web', 'autostart: true\n').replace('256', '512'))).toEqual(ok('domain web configured\n'));
  expect(await apply(definition('web', 'running: false\n').replace('256', '512'))).toEqual(ok('domain web unchanged, shut down\n'));
  const domain = bench.world.find('nodes/n1/domains/web');
  expect(domain).toMatchObject({ autostart: true, status: { state: DomainState.SHUTOFF }, spec: { memory: { sizeBytes: 512n << 20n } } });
  bench.world.requests.length = 0;
  expect(await apply(definition('web').replace('256', '512'), '-o', 'name')).toEqual(ok('nodes/n1/domains/web\n'));
  expect(methods()).toEqual(['updateDomain']);
  expect(bench.world.requests.find(({ method }) => method === 'updateDomain')?.request).toMatchObject({
    validateOnly: true,
    etag: domain.etag,
    updateMask: ['*'],
  });
});

test('what waits for the next start is told once, and is no change afterwards', async () => {
  bench.world.add('web', { status: { state: DomainState.RUNNING } });
  bench.world.waiting.set('cpu.max_vcpus', 'it is fixed while the guest runs');
  const input = definition('web').replace('256', '512');
  expect(await apply(input)).toEqual({
    code: 0,
    stdout: 'domain web configured\n',
    stderr: 'note: web: cpu.max_vcpus is in force at the next start: it is fixed while the guest runs\n',
  });
  expect(await apply(input)).toEqual(ok('domain web unchanged\n'));
  expect(await apply(definition('web'), '--config')).toEqual(ok('domain web configured\n'));
});

test('--dry-run says what differs, and changes nothing', async () => {
  bench.world.add('web', { spec: { hypervisor: 'qemu', title: 'old', memory: { sizeBytes: 1n << 30n } } });
  const input = `${definition('web', 'running: true\nautostart: true\n')}  cpu: { vcpus: 2 }\n---\n${definition('new')}`;
  expect(await apply(input, '--dry-run')).toEqual(
    ok(
      [
        'domain web configured, started (dry run)',
        '  - title: old',
        '  ~ memory.size_bytes: 1GiB -> 256MiB',
        '  + cpu.vcpus: 2',
        '  ~ autostart: false -> true',
        'domain new created (dry run)',
        '  + hypervisor: qemu',
        '  + memory.size_bytes: 256MiB',
        '',
      ].join('\n'),
    ),
  );
  expect(bench.world.find('nodes/n1/domains/web')).toMatchObject({ autostart: false, spec: { title: 'old' } });
  expect(bench.world.domains.size).toBe(1);
  expect(JSON.parse((await apply(input, '--dry-run', '-o', 'json')).stdout)).toMatchObject({
    results: [
      {
        name: 'nodes/n1/domains/web',
        action: 'configured',
        power: 'started',
        dryRun: true,
        changes: [{ path: 'title', before: 'old' }, {}, {}, {}],
      },
      { action: 'created' },
    ],
  });
});

test('files and directories; nothing is done where one of them is wrong', async () => {
  const directory = join(bench.directory, 'domains');
  await mkdir(join(directory, 'deeper'), { recursive: true });
  await writeFile(join(directory, 'b.yaml'), definition('b'));
  await writeFile(join(directory, 'a.json'), '{"name": "a", "spec": {"hypervisor": "qemu", "memory": {"size_bytes": 1048576}}}');
  await writeFile(join(directory, 'README.md'), 'no definition');
  expect(await bench.call(['apply', '-f', directory])).toEqual(ok('domain a created\ndomain b created\n'));
  const other = join(bench.directory, 'other.yaml');
  await writeFile(other, definition('b'));
  expect(await bench.call(['apply', '-f', directory, '-f', other])).toMatchObject({
    code: 1,
    stdout: '',
    stderr: `error: b is defined twice: in ${directory}/b.yaml and in ${other}\n`,
  });
  await writeFile(other, definition('c').replace('size_bytes', 'size'));
  expect((await bench.call(['apply', '-f', directory, '-f', other])).stderr).toContain(
    `error: ${other}:4:13: spec.memory.size: there is no such field`,
  );
  expect(bench.world.domains.size).toBe(2);
  expect(await bench.call(['apply', '-f', join(directory, 'deeper')])).toMatchObject({ code: 2 });
  expect(await bench.call(['apply'])).toMatchObject({
    code: 2,
    stderr: 'error: say what to apply: -f FILE, a directory, or - for stdin\n',
  });
  expect((await bench.call(['apply', '-f', other, '--no-wait'])).code).toBe(2);
});

test('one that fails holds up no other, and is told by its place', async () => {
  bench.world.add('web');
  bench.world.faults.set(
    'updateDomain',
    Fault.ofViolations('SPEC_UNSUPPORTED', 'not supported', [{ field: 'spec.memory.size_bytes', description: 'is too much' }]),
  );
  expect(await apply(`${definition('web')}---\n${definition('db')}`)).toEqual({
    code: 1,
    stdout: 'domain db created\n',
    stderr: 'error: <stdin>:4:13: spec.memory.size_bytes: is too much\n',
  });
});

test('another domain of that name is left alone', async () => {
  bench.world.add('web');
  expect((await apply(definition('web', 'uid: 0190f5c2-1c4e-7c55-b5d0-3f6f0e9b7a11\n'))).stderr).toMatch(
    /^error: nodes\/n1\/domains\/web is another domain: its uid is /,
  );
  expect((await bench.call(['define', '-'], { input: definition('x', 'running: true\n') })).stderr).toBe(
    'note: <stdin>: x: running is left out; apply does what it says\n',
  );
});
