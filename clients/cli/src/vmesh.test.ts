import { readdir, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { Fault } from '@virtmesh/base';
import { ChannelKind } from '@virtmesh/contracts/domain/v1/channel';
import { DomainState, DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';
import { LifecycleEventDetail, LifecycleEventType } from '@virtmesh/contracts/domain/v1/domain_event';
import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { describe, expect, test, vi } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { benches } from './testing/benches.ts';
import { type Bench, type Outcome, vmeshPath } from './testing/vmesh.ts';

// Against a server of the real contract. What a process of its own matters for, and one of each kind, is bin/vmesh.

// A process of its own takes its time on a busy host.
vi.setConfig({ testTimeout: 60_000 });

let bench: Bench;
benches((started) => {
  bench = started;
});

const running = {
  state: DomainState.RUNNING,
  reason: DomainStateReason.BOOTED,
  graphicsAddresses: { vnc0: '127.0.0.1:5901' },
  memoryBytes: 256n << 20n,
  vcpus: 1,
};
const document = 'name: new\nspec:\n  hypervisor: qemu\n  memory: { size_bytes: 512MiB }\n';
const ok = (stdout: string): Outcome => ({ code: 0, stdout, stderr: '' });

describe('looking', () => {
  test('list: those that run, or all, as table, names and JSON', async () => {
    bench.world.add('web', { status: running, title: 'The \u001b[31mWeb', labels: { tier: 'front' } });
    bench.world.add('db');
    bench.world.add('cache', { name: 'nodes/n2/domains/cache', persistent: false, status: { state: DomainState.PAUSED } });
    bench.world.mostInPage = 2;
    const [plain, all, labelled, names, uuids, full, json, other] = await Promise.all([
      bench.spawned(['list', '--title']),
      bench.call(['list', '--all']),
      bench.call(['list', '--all', '-l', 'tier=front', '--name']),
      bench.call(['list', '--all', '--name']),
      bench.call(['list', '--inactive', '--uuid']),
      bench.call(['list', '--all', '-o', 'name']),
      bench.call(['list', '--all', '-o', 'json']),
      bench.call(['list', '--state-paused', '--transient', '--name', '-n', 'n2']),
    ]);
    expect(plain.stdout.replace(/\b\d+[smhdy] /g, 'AGE ')).toBe(
      [
        'NAME    NODE   STATE     AGE   TITLE',
        'web     n1     running   AGE   The \\x1b[31mWeb',
        'cache   n2     paused    AGE   -',
        '',
      ].join('\n'),
    );
    expect(all.stdout).toContain('db      n1     shut off');
    expect(labelled).toEqual(ok('web\n'));
    expect(names).toEqual(ok('db\nweb\ncache\n'));
    expect(uuids).toEqual(ok(`${bench.world.domains.get('nodes/n1/domains/db')?.uid}\n`));
    expect(full).toEqual(ok('nodes/n1/domains/db\nnodes/n1/domains/web\nnodes/n2/domains/cache\n'));
    expect(JSON.parse(json.stdout)).toMatchObject({
      domains: [{ name: 'nodes/n1/domains/db', spec: { hypervisor: 'qemu', memory: { sizeBytes: '268435456' } } }, {}, {}],
    });
    expect(other).toEqual(ok('cache\n'));
  });

  test('nodes that cannot be reached are told', async () => {
    bench.world.unreachable = ['nodes/n2'];
    expect(await bench.call(['list'])).toEqual({
      code: 0,
      stdout: 'NAME   NODE   STATE   AGE\n',
      stderr: 'note: nodes/n2 cannot be reached: its domains are as last known, 90s ago\n',
    });
    expect((await bench.call(['list', '-q'])).stderr).toBe('');
  });

  test('dominfo speaks of the guest agent where there is a channel for one', async () => {
    const spec = DomainSpec.fromPartial({ hypervisor: 'qemu', channels: [{ kind: ChannelKind.GUEST_AGENT }] });
    bench.world.add('web', { status: { ...running, pid: 7, guestAgentConnected: true }, activeSpec: spec });
    bench.world.add('deaf', { status: { ...running, pid: 8 }, activeSpec: spec });
    bench.world.add('box', { status: { ...running, pid: 9 } });
    const [web, deaf, box] = await Promise.all(['web', 'deaf', 'box'].map((name) => bench.call(['dominfo', name])));
    expect(web?.stdout).toContain('Guest agent:   connected\n');
    expect(deaf?.stdout).toContain('Guest agent:   not connected\n');
    expect(box?.stdout).not.toContain('Guest agent');
  });

  test('dominfo tells a message of several lines on one, in parts', async () => {
    bench.world.add('web', { status: { state: DomainState.SHUTOFF, message: 'qemu: no state\nqemu: bad section\r\n' } });
    expect((await bench.call(['dominfo', 'web'])).stdout).toMatch(/^Message: +qemu: no state; qemu: bad section$/m);
  });

  test('one domain: dominfo, domstate, domuuid, domname, vncdisplay, domstats', async () => {
    const { uid } = bench.world.add('web', { status: running });
    bench.world.add('stuck', { title: 'stuck' });
    const calls = [
      ['dominfo', 'web'],
      ['domstate', 'n1/web'],
      ['domstate', uid, '--reason'],
      ['domuuid', 'web'],
      ['domname', `uid:${uid}`],
      ['vncdisplay', 'web'],
      ['domstats'],
      ['domstats', 'web', '-o', 'json'],
      ['vncdisplay', 'stuck'],
    ];
    const [info, state, reason, uuid, name, display, stats, json, none] = await Promise.all(calls.map((words) => bench.call(words)));
    expect(info?.stdout).toContain('Name:          web\n');
    expect(info?.stdout).toContain('State:         running (booted)\n');
    expect(info?.stdout).toContain('Max memory:    256 MiB\n');
    expect(state).toEqual(ok('running\n'));
    expect(reason).toEqual(ok('running (booted)\n'));
    expect(uuid).toEqual(ok(`${uid}\n`));
    expect(name).toEqual(ok('web\n'));
    expect(display).toEqual(ok('127.0.0.1:1\n'));
    expect(stats?.stdout).toContain('web     n1     running       12.3s   256 MiB    100 MiB   1 MiB     3 MiB');
    expect(stats?.stderr).toBe('note: stuck: its hypervisor did not answer in time\n');
    expect(JSON.parse(json?.stdout ?? '')).toMatchObject({ stats: [{ name: 'nodes/n1/domains/web', cpu: { timeNs: '12345000000' } }] });
    expect(none).toMatchObject({ code: 1, stdout: '' });
    expect(none?.stderr).toContain('error: domain stuck has no VNC server now: it is shut off');
  });

  test('a name that is not there, or on two nodes', async () => {
    bench.world.add('web');
    bench.world.add('webshop');
    bench.world.add('twin');
    bench.world.add('twin', { name: 'nodes/n2/domains/twin' });
    const [missing, twice, chosen] = await Promise.all([
      bench.call(['dominfo', 'wbe']),
      bench.call(['start', 'twin']),
      bench.call(['domstate', 'twin', '-n', 'n2']),
    ]);
    expect(missing).toEqual({ code: 1, stdout: '', stderr: 'error: there is no domain nodes/-/domains/wbe; did you mean web?\n' });
    expect(twice.stderr).toBe(
      'error: nodes/-/domains/twin is on several nodes\n  say which, by name or -n: nodes/n1/domains/twin, nodes/n2/domains/twin\n',
    );
    expect(chosen).toEqual(ok('shut off\n'));
  });

  test('nodes: nodelist, nodeinfo, capabilities, domcapabilities, version', async () => {
    const calls = [
      ['nodelist'],
      ['nodeinfo'],
      ['nodeinfo', 'n2'],
      ['capabilities', 'n1'],
      ['domcapabilities', '--machine', 'q35'],
      ['version'],
      ['nodelist', '-o', 'name'],
    ];
    const [list, info, missing, features, domain, version, names] = await Promise.all(calls.map((words) => bench.call(words)));
    expect(list?.stdout).toContain('n1     ready           0/0      8   16 GiB   8 GiB');
    expect(info?.stdout).toContain('CPU model:         x86_64, EPYC\n');
    expect(missing).toMatchObject({ code: 1, stderr: 'error: there is no node nodes/n2\n' });
    expect(features?.stdout).toContain('qemu     migrate          no          not in this release\n');
    expect(domain?.stdout).toMatch(/firmware +uefi +no +OVMF is not installed\n/);
    expect(version?.stdout).toMatch(/^Client: {4}\d+\.\d+\.\d+\nNode\.js: {3}v\d+.*\nAgent n1: {2}0\.1\.0, qemu 7\.2, lxc 5\.0\n$/);
    expect(names).toEqual(ok('nodes/n1\n'));
    expect(bench.world.requests.find(({ method }) => method === 'getDomainCapabilities')?.request).toMatchObject({
      node: 'nodes/n1',
      machine: 'q35',
    });
  });
});

describe('running', () => {
  test('each verb does what it says', async () => {
    bench.world.add('web');
    const said: string[] = [];
    for (const words of [
      ['start', '--paused'],
      ['resume'],
      ['suspend'],
      ['resume'],
      ['reboot', '--mode', 'reset'],
      ['reset'],
      ['shutdown', '--mode', 'acpi'],
      ['start'],
      ['destroy', '--grace', '5s'],
      ['autostart'],
      ['autostart', '--disable'],
      ['undefine', '--keep-running', '--managed-save'],
    ]) {
      const outcome = await bench.call([words[0] ?? '', 'web', ...words.slice(1)]);
      expect(outcome).toMatchObject({ code: 0, stderr: '' });
      said.push(outcome.stdout.trim());
    }
    expect(said).toEqual([
      'domain web started',
      'domain web resumed',
      'domain web suspended',
      'domain web resumed',
      'domain web rebooted',
      'domain web reset',
      'domain web shut down',
      'domain web started',
      'domain web destroyed',
      'domain web starts with its node',
      'domain web does not start with its node',
      'domain web undefined',
    ]);
    const sent = new Map(bench.world.requests.map(({ method, request }) => [method, request]));
    expect(sent.get('shutdownDomain')).toMatchObject({ name: 'nodes/-/domains/web', mode: 1 });
    expect(sent.get('destroyDomain')).toMatchObject({ force: false, grace: { seconds: 5n } });
    expect(sent.get('deleteDomain')).toMatchObject({ keepRunning: true, destroy: false, managedSave: true });
    expect(bench.world.domains.size).toBe(0);
  });

  test('many at once: what goes well is said, what does not as well', async () => {
    bench.world.add('a');
    bench.world.add('b', { status: running });
    const outcome = await bench.call(['start', 'a', 'b', 'c']);
    expect(outcome.code).toBe(1);
    expect(outcome.stdout).toBe('domain a started\n');
    expect(outcome.stderr).toContain('error: domain nodes/n1/domains/b is running\n  it is allowed when the domain is: SHUTOFF\n');
    expect(outcome.stderr).toContain('error: there is no domain nodes/-/domains/c');
  });

  test('forms for programs, and quiet', async () => {
    bench.world.add('web');
    expect(await bench.call(['start', 'web', '-o', 'name'])).toEqual(ok('nodes/n1/domains/web\n'));
    expect(JSON.parse((await bench.call(['suspend', 'web', '-o', 'json'])).stdout)).toMatchObject({
      name: 'nodes/n1/domains/web',
      status: { state: 'DOMAIN_STATE_PAUSED' },
    });
    expect(await bench.call(['resume', 'web', '-q'])).toEqual(ok(''));
  });
});

describe('operations', () => {
  test('--no-wait answers the name; list, show, wait and cancel take it', async () => {
    bench.world.add('web');
    bench.world.stepMs = undefined;
    const begun = await bench.call(['start', 'web', '--no-wait']);
    const name = begun.stdout.trim();
    expect(name).toMatch(/^nodes\/n1\/operations\/[0-9a-f-]{36}$/);
    const [list, show, timeout] = await Promise.all([
      bench.call(['operation', 'list', '--domain', 'web']),
      bench.call(['operation', 'show', name, '-o', 'json']),
      bench.call(['operation', 'wait', name, '--timeout', '2s']),
    ]);
    expect(list.stdout).toContain(`${name}   web      start   running   prepare 10%`);
    expect(JSON.parse(show.stdout)).toMatchObject({ name, verb: 'start', state: 'OPERATION_STATE_RUNNING' });
    expect(timeout).toEqual({
      code: 1,
      stdout: '',
      stderr: `error: start of nodes/n1/domains/web has not ended in 2 s, and goes on; wait for it by: vmesh operation wait ${name}\n  --timeout gives it more time\n`,
    });
    const cancelled = await bench.call(['operation', 'cancel', name]);
    expect(cancelled.code).toBe(0);
    expect(cancelled.stdout).toContain('State:        cancelled\n');
    expect(await bench.call(['operation', 'wait', name])).toMatchObject({ code: 1, stderr: 'error: start was cancelled by a caller\n' });
    const shown: unknown = JSON.parse((await bench.call(['operation', 'show', name, '-o', 'json'])).stdout);
    expect(shown).toMatchObject({
      error: {
        code: 10,
        details: [{ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'OPERATION_CANCELLED', domain: 'virtmesh' }],
      },
    });
  });

  test('what takes longer is followed to its end, and its failure is the error', async () => {
    bench.world.add('web');
    bench.world.stepMs = 600;
    expect(await bench.call(['start', 'web'])).toEqual(ok('domain web started\n'));
    bench.world.faults.set('suspendDomain', new Fault('HYPERVISOR_FAILED', 'qemu refused', { stderr: 'bad\nworse' }));
    expect(await bench.call(['suspend', 'web'])).toMatchObject({ code: 1, stderr: 'error: qemu refused\n  cause: bad\n         worse\n' });
  });

  test('Ctrl-C cancels on the server; a second one leaves', async () => {
    bench.world.add('web');
    bench.world.stepMs = undefined;
    const cancelled = await bench.spawned(['start', 'web'], {
      meanwhile: async ({ kill }) => {
        await expect.poll(() => bench.world.requests.some(({ method }) => method === 'watchOperation'), { timeout: 15_000 }).toBe(true);
        kill('SIGINT');
      },
    });
    expect(cancelled).toEqual({
      code: 1,
      stdout: '',
      stderr: 'note: cancelling; Ctrl-C again leaves at once, and the operation goes on\nerror: start was cancelled by a caller\n',
    });
    bench.world.requests.length = 0;
    bench.world.faults.set('cancelOperation', new Fault('NODE_UNREACHABLE', 'the node is away'));
    const left = await bench.spawned(['start', 'web'], {
      meanwhile: async ({ kill, printed }) => {
        await expect.poll(() => bench.world.requests.some(({ method }) => method === 'watchOperation'), { timeout: 15_000 }).toBe(true);
        kill('SIGINT');
        await printed('it cannot be cancelled: the node is away');
        kill('SIGINT');
      },
    });
    expect(left.code).toBe(1);
    expect(left.stderr).toContain('error: left; start of nodes/n1/domains/web may go on: vmesh operation show nodes/n1/operations/');
  });

  test('a server that goes away is told with what it may go on with', async () => {
    bench.world.add('web');
    bench.world.stepMs = undefined;
    const left = await bench.spawned(['start', 'web'], {
      meanwhile: async ({ kill, printed }) => {
        await expect.poll(() => bench.world.requests.some(({ method }) => method === 'watchOperation'), { timeout: 15_000 }).toBe(true);
        await bench.unserve();
        await printed('; waiting for the server; start of nodes/n1/domains/web may go on: vmesh operation show nodes/n1/operations/');
        kill('SIGINT');
        await printed('Ctrl-C again leaves at once');
        kill('SIGINT');
      },
    });
    expect(left.code).toBe(1);
    await bench.serve();
    bench.world.faults.set('startDomain', new Fault('SERVER_UNREACHABLE', 'no connection', { address: 'x' }));
    expect((await bench.call(['start', 'web'])).stderr).toMatch(
      /^error: no connection; what was asked may go on; when the server is there again, see it by: vmesh operation list$/m,
    );
  });

  test('domjobinfo and domjobabort', async () => {
    bench.world.add('web');
    bench.world.stepMs = undefined;
    const name = (await bench.call(['start', 'web', '--no-wait'])).stdout.trim();
    expect(await bench.call(['domjobinfo', 'web'])).toEqual(ok('Job type:   None\n'));
    expect((await bench.call(['domjobabort', 'web'])).stderr).toContain('error: no operation holds domain web now');
    bench.world.add('web', { status: { state: DomainState.SHUTOFF, job: name } });
    expect((await bench.call(['domjobinfo', 'web'])).stdout).toContain(`Name:         ${name}\n`);
    expect((await bench.call(['domjobabort', 'web'])).stdout).toContain('State:        cancelled\n');
  });
});

describe('defining', () => {
  test('define from stdin and file, several, again, and dumpspec of it', async () => {
    const file = join(bench.directory, 'two.yaml');
    await writeFile(file, `${document}---\n${document.replace('new', 'other')}autostart: true\n`);
    expect(await bench.spawned(['define', file])).toEqual(ok('domain new defined\ndomain other defined\n'));
    expect(bench.world.domains.get('nodes/n1/domains/other')).toMatchObject({
      autostart: true,
      persistent: true,
      spec: { memory: { sizeBytes: 512n << 20n } },
    });
    const dumped = await bench.call(['dumpspec', 'other']);
    expect(dumped).toEqual(ok('name: other\nautostart: true\nspec:\n  hypervisor: qemu\n  memory:\n    size_bytes: 512MiB\n'));
    expect(await bench.call(['define', '-'], { input: dumped.stdout.replace('512MiB', '1GiB') })).toEqual(ok('domain other redefined\n'));
    expect(bench.world.domains.get('nodes/n1/domains/other')?.spec?.memory?.sizeBytes).toBe(1n << 30n);
    expect(bench.world.requests.find(({ method }) => method === 'updateDomain')?.request).toMatchObject({
      name: 'nodes/n1/domains/other',
      updateMask: ['*'],
      scope: 2,
    });
    const kept = await bench.call(['dominfo', 'new', '-o', 'yaml']);
    bench.world.domains.clear();
    const again = await bench.call(['define', '-', '--start'], { input: kept.stdout });
    expect(again).toMatchObject({ code: 0, stdout: 'domain new defined and started\n' });
    expect(again.stderr).toContain(
      'note: <stdin>: new: left out what only servers write: etag, status, persistent, createTime, hypervisor, uid\n',
    );
  });

  test('a uid that is another domain keeps the refusal', async () => {
    bench.world.add('new');
    const outcome = await bench.call(['define', '-'], { input: `uid: 0190f5c2-1c4e-7c55-b5d0-3f6f0e9b7a11\n${document}` });
    expect(outcome).toMatchObject({ code: 1, stderr: 'error: there is a domain nodes/n1/domains/new already\n' });
  });

  test('--dry-run changes nothing; --name gives a bare definition one', async () => {
    expect(await bench.call(['define', '-', '--dry-run'], { input: document })).toEqual(ok('domain new checked, not defined\n'));
    expect(bench.world.domains.size).toBe(0);
    expect(await bench.call(['define', '-', '--name', 'bare'], { input: 'hypervisor: qemu\n' })).toEqual(ok('domain bare defined\n'));
  });

  test('faults of a file, of the server about it, and of what is no file', async () => {
    const bad = await bench.spawned(['define', '-'], { input: document.replace('size_bytes', 'size') });
    expect(bad).toEqual({
      code: 1,
      stdout: '',
      stderr: 'error: <stdin>:4:13: spec.memory.size: there is no such field; did you mean size_bytes?\n',
    });
    const file = join(bench.directory, 'bad.yaml');
    await writeFile(file, `${document}  title: 5\n  cpu: { vcpus: x }\n`);
    expect((await bench.call(['define', file])).stderr).toBe(
      `error: ${file} has 2 faults\n  ${file}:5:10: spec.title: must be a text, not the number "5": put it in quotes\n  ${file}:6:17: spec.cpu.vcpus: must be a whole number, not the text "x"\n`,
    );
    const violations = [{ field: 'spec.memory.size_bytes', description: 'must be at most 64 GiB here' }];
    bench.world.faults.set('createDomain', Fault.ofViolations('SPEC_INVALID', 'the definition is not valid', violations));
    expect((await bench.call(['define', '-'], { input: document })).stderr).toBe(
      'error: <stdin>:4:13: spec.memory.size_bytes: must be at most 64 GiB here\n',
    );
    expect((await bench.call(['define', join(bench.directory, 'none.yaml')])).stderr).toMatch(
      /^error: cannot read .*none\.yaml: there is no such file\n$/,
    );
    expect((await bench.call(['define', bench.directory])).stderr).toMatch(/it is a directory\n$/);
    expect((await bench.call(['define', '-'], { input: '\u0000\u00ff'.repeat(2) })).code).toBe(1);
    expect(bench.world.domains.size).toBe(0);
  });

  test('create is transient and starts; it takes one', async () => {
    expect(await bench.call(['create', '-', '--paused'], { input: document })).toEqual(ok('domain new created\n'));
    expect(bench.world.domains.get('nodes/n1/domains/new')).toMatchObject({ persistent: false, status: { state: DomainState.PAUSED } });
    expect((await bench.call(['create', '-'], { input: `${document}---\n${document.replace('new', 'b')}` })).stderr).toContain(
      'has 2 definitions, and create takes one',
    );
    expect(await bench.call(['create', '-', '--dry-run'], { input: document.replace('new', 'other') })).toEqual(
      ok('domain other checked, not created\n'),
    );
    expect(bench.world.domains.has('nodes/n1/domains/other')).toBe(false);
  });

  test('set says what became of each field', async () => {
    bench.world.add('web', { status: running });
    expect(await bench.call(['set', 'web', 'title=x', 'memory.currentBytes=128MiB', '--config'])).toEqual(
      ok(
        'FIELD                  EFFECT       WHY\ntitle                  next start   the guest runs\nmemory.current_bytes   next start   the guest runs\n',
      ),
    );
    expect(bench.world.requests.find(({ method }) => method === 'updateDomain')?.request).toMatchObject({
      updateMask: ['title', 'memory.current_bytes'],
      scope: 2,
      spec: { memory: { currentBytes: 128n << 20n } },
    });
    expect(await bench.call(['set', 'web', 'cpu.vcpus=abc'])).toEqual({
      code: 2,
      stdout: '',
      stderr: 'error: the change is not valid: cpu.vcpus: must be a whole number, not the text "abc"\n',
    });
    const two = await bench.call(['set', 'web', 'cpu.vcpus=abc', 'boot.menu=maybe']);
    expect(two).toMatchObject({ code: 2, stdout: '' });
    expect(two.stderr).toBe(
      'error: the change is not valid:\n  cpu.vcpus: must be a whole number, not the text "abc"\n  boot.menu: must be true or false, not the text "maybe"\n',
    );
    expect(await bench.call(['set', 'web', 'cpu.vcpus=abc', '-o', 'json'])).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining(
        '"fieldViolations":[{"field":"cpu.vcpus","description":"must be a whole number, not the text',
      ) as string,
    });
    expect(await bench.spawned(['set', 'web', 'titel=x'])).toMatchObject({
      code: 2,
      stderr: 'error: titel: there is no field "titel" in a definition; did you mean title?\n',
    });
  });

  test('the password that is never read back is told', async () => {
    bench.world.add('web', {
      spec: { hypervisor: 'qemu', graphics: [{ id: 'vnc0', protocol: { $case: 'vnc', value: { passwordSet: true } } }] },
    });
    expect((await bench.call(['dumpspec', 'web'])).stderr).toBe(
      'note: the password of vnc0 is not shown: put it in before you define this again\n',
    );
    expect(parse((await bench.call(['dumpspec', 'web', '-q'])).stdout)).toMatchObject({ name: 'web' });
  });
});

describe('events', () => {
  const happen = (name: string): void =>
    bench.world.tell(bench.world.find(`nodes/n1/domains/${name}`), LifecycleEventType.STARTED, LifecycleEventDetail.BOOTED);

  test('lines, JSON lines, a count, one domain, and the token to go on', async () => {
    const { uid } = bench.world.add('web');
    bench.world.add('db');
    for (const name of ['web', 'db', 'web']) happen(name);
    const [lines, json, one] = await Promise.all([
      bench.call(['event', '--resume', '0', '--count', '2', '--timestamp']),
      bench.call(['event', '--resume', '1', '--count', '2', '-o', 'json']),
      bench.call(['event', '--resume', '0', '--count', '2', '--domain', uid, '--event', 'lifecycle']),
    ]);
    expect(lines).toEqual({
      code: 0,
      stdout:
        "2026-11-21T12:00:00.500Z: event 'lifecycle' for domain 'web': Started Booted\n2026-11-21T12:00:00.500Z: event 'lifecycle' for domain 'db': Started Booted\n",
      stderr: 'note: to go on from here: vmesh event --resume 2\n',
    });
    expect(
      json.stdout
        .trim()
        .split('\n')
        .map((line): unknown => JSON.parse(line)),
    ).toMatchObject([{ resumeToken: '2', event: { name: 'nodes/n1/domains/db' } }, { resumeToken: '3' }]);
    expect(one.stdout).toBe("event 'lifecycle' for domain 'web': Started Booted\n".repeat(2));
  });

  test('a server that comes back is followed on without a hole or a double; Ctrl-C is the end', async () => {
    bench.world.add('web');
    const outcome = await bench.spawned(['event', '--resume', '0'], {
      meanwhile: async ({ kill, printed }) => {
        happen('web');
        await printed('Started Booted');
        await bench.unserve();
        bench.world.add('db');
        happen('db');
        await bench.serve();
        await printed("domain 'db'");
        kill('SIGINT');
      },
    });
    expect(outcome.code).toBe(0);
    expect(outcome.stdout).toBe("event 'lifecycle' for domain 'web': Started Booted\nevent 'lifecycle' for domain 'db': Started Booted\n");
    expect(outcome.stderr).toMatch(
      /^note: connection lost \(.*\); it is taken up again\nnote: to go on from here: vmesh event --resume 2\n$/,
    );
  });

  test('--timeout is an end too', async () => {
    expect(await bench.call(['event', '--timeout', '2s'])).toEqual(ok(''));
  });
});

describe('the rest', () => {
  test('a screenshot without a name is named after domain and time', async () => {
    bench.world.add('web', { status: running });
    const outcome = await bench.run('sh', ['-c', `cd "$1" && exec "$2" screenshot web`, 'sh', bench.directory, vmeshPath]);
    expect(outcome).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^web-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.png: image\/png/) as string,
    });
    expect(await readdir(bench.directory)).toContain(outcome.stdout.split(':')[0]);
  });

  test('no server: what to do, and exit code 1', async () => {
    const uri = `unix://${bench.directory}/none.sock`;
    const outcome = await bench.call(['list'], { env: { VIRTMESH_URI: uri } });
    expect(outcome.code).toBe(1);
    expect(outcome.stderr).toContain(`error: no connection to ${uri}: ${bench.directory}/none.sock does not exist`);
    expect(outcome.stderr).not.toContain('    at ');
    expect((await bench.call(['list', '-c', 'ftp://x'])).stderr).toContain('error: the address "ftp://x" cannot be used');
    expect((await bench.call(['list'], { env: { VIRTMESH_URI: uri, VIRTMESH_DEBUG: '1' } })).stderr).toContain('    at ');
    expect(await bench.call(['version'], { env: { VIRTMESH_URI: uri } })).toMatchObject({ code: 0 });
  });

  test('errors for programs: an object on stderr in the form of the results, and the same exit codes', async () => {
    bench.world.add('web', { status: running });
    const violations = [{ field: 'spec.memory.size_bytes', description: 'is required' }];
    bench.world.faults.set('getDomain', new Fault('SPEC_INVALID', 'not \u009b valid', { name: 'web' }, { violations }));
    const json = await bench.call(['dominfo', 'web', '-o', 'json']);
    expect([json.code, json.stdout, json.stderr.split('\n').length]).toEqual([1, '', 2]);
    expect(json.stderr).not.toContain('\u009b');
    const error = {
      reason: 'SPEC_INVALID',
      domain: 'virtmesh',
      code: 'INVALID_ARGUMENT',
      message: 'not \u009b valid',
      metadata: { name: 'web' },
      fieldViolations: violations,
    };
    expect(JSON.parse(json.stderr)).toMatchObject({ error });
    const yaml = await bench.spawned(['dominfo', 'web', '-o', 'yaml']);
    expect([yaml.code, yaml.stdout, parse(yaml.stderr)]).toMatchObject([1, '', { error }]);
    const usage = await bench.spawned(['dominfo', '-o', 'json']);
    expect([usage.code, usage.stdout, JSON.parse(usage.stderr)]).toMatchObject([2, '', { error: { reason: 'USAGE', domain: 'vmesh' } }]);
  });

  test('of several domains each that fails is an object of its own', async () => {
    bench.world.add('web', { status: running });
    const { code, stderr, stdout } = await bench.call(['suspend', 'web', 'no1', 'no2', '-o', 'json']);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ name: 'nodes/n1/domains/web' });
    const errors = stderr
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);
    expect(errors).toMatchObject([{ error: { reason: 'DOMAIN_NOT_FOUND' } }, { error: { reason: 'DOMAIN_NOT_FOUND' } }]);
    const documents = (await bench.call(['suspend', 'no1', 'no2', '-o', 'yaml'])).stderr;
    expect(parseAllDocuments(documents).map((each) => each.toJS() as unknown)).toMatchObject([{ error: {} }, { error: {} }]);
  });

  test('a bug here is no stack for the user', async () => {
    bench.world.faults.set('listNodes', new Fault('INTERNAL_BUG', 'an internal fault', { incident: 'i-1' }));
    expect((await bench.call(['nodelist'])).stderr).toBe('error: an internal fault\n  look for i-1 in the log of the server\n');
  });

  test('a reader that leaves early is no failure', async () => {
    for (let index = 0; index < 2000; index += 1) bench.world.add(`web${index}`);
    // head is gone after the first line, long before the list is.
    const outcome = await bench.run('bash', ['-c', '"$0" list --all -o wide | head -n 1; echo "${PIPESTATUS[0]}"', vmeshPath]);
    expect(outcome.stderr).toBe('');
    expect(outcome.stdout).toMatch(/^NAME .*\n0\n$/);
  });

  test('doctor says what this host has, and looks at the server', async () => {
    const outcome = await bench.call(['doctor', '-o', 'json']);
    const { findings } = JSON.parse(outcome.stdout) as { findings: { check: string; status: string; found: string }[] };
    expect(outcome.code).toBe(findings.some(({ status }) => status === 'missing') ? 1 : 0);
    expect(findings.find(({ check }) => check === 'server')).toMatchObject({
      status: 'ok',
      found: `an agent at unix://${bench.socket} answers, with 1 node`,
    });
    expect(findings.find(({ check }) => check === 'driver qemu')?.found).toBe('n1: version 7.2, accelerators that work: tcg');
    expect(findings.find(({ check }) => check === 'driver lxc')?.found).toBe('n1: version 5.0');
    const kvm = async (): Promise<unknown> =>
      (JSON.parse((await bench.call(['doctor', '-o', 'json'])).stdout) as { findings: { check: string }[] }).findings.find(
        ({ check }) => check === 'kvm',
      );
    // The agent of another host tells nothing of this one's KVM; that of this host does.
    expect(await kvm()).not.toMatchObject({ status: 'ok' });
    bench.world.hostname = hostname();
    bench.world.kvm = { available: true, why: '' };
    expect(await kvm()).toMatchObject({ status: 'ok', found: 'guests run under it' });
    bench.world.faults.set('getDomainCapabilities', new Fault('DRIVER_UNAVAILABLE', 'gone'));
    expect(await kvm()).not.toMatchObject({ status: 'ok' });
    expect((await bench.spawned(['doctor'])).stdout).toMatch(/^CHECK +STATUS +FOUND\nnode +ok +v24/);
  });

  test('completion offers live names, of the state that the verb is for', async () => {
    bench.world.add('web', { status: running });
    bench.world.add('db');
    bench.world.add('twin', { status: running });
    bench.world.add('twin', { name: 'nodes/n2/domains/twin', title: 'Other' });
    const offers = async (...words: string[]): Promise<string> => (await bench.call(['__complete', '--', ...words])).stdout;
    expect(await offers('shutdown', '')).toBe('n1/twin\trunning\nweb\trunning\n');
    expect(await offers('start', '')).toBe('db\tshut off\nn2/twin\tOther\n');
    expect(await offers('dominfo', 'w')).toBe('web\trunning\n');
    expect(await offers('shutdown', 'web', 'w')).toBe('');
    expect(await offers('-n', '')).toBe('n1\thost1\n');
    expect(await offers('define', 'x')).toBe(':file\n');
    expect(await bench.call(['__complete', '--', 'dominfo', ''], { env: { VIRTMESH_URI: 'unix:///nowhere' } })).toEqual(ok(''));
  });
});
