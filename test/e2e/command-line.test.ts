import { execFile } from 'node:child_process';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { guestImage } from '../support/guest-image.ts';
import { type Scope, TestSystem } from '../support/system.ts';

// bin/vmesh as its users have it, on a real guest, by an agent alone and by the control plane.

const vmesh = join(import.meta.dirname, '../../bin/vmesh');

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

let system: TestSystem;
beforeAll(async () => {
  system = await TestSystem.start({ fleet: true });
});
afterAll(async () => system[Symbol.asyncDispose]());

describe.each<Scope>(['agent', 'fleet'])('the command line, by the %s', (scope) => {
  const id = `cli-${scope}`;
  let definition: string;

  /** The environment of a user whose server is this one. What vmesh keeps between calls goes with the system. */
  const environment = (): NodeJS.ProcessEnv => ({
    ...process.env,
    VIRTMESH_URI: `unix://${scope === 'agent' ? system.agentSocket : system.domainSvcSocket}`,
    XDG_CACHE_HOME: system.disks,
  });

  function call(...words: string[]): Promise<Outcome> {
    const env = environment();
    return new Promise((resolve) => {
      execFile(vmesh, words, { env, encoding: 'utf8' }, (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
      });
    });
  }

  /** What a call that goes well prints. */
  async function answer(...words: string[]): Promise<string> {
    const { code, stdout, stderr } = await call(...words);
    expect({ words, code, stderr }).toEqual({ words, code: 0, stderr: expect.any(String) as unknown });
    return stdout.trim();
  }

  beforeAll(async () => {
    const image = await guestImage();
    const disk = join(system.disks, `${id}.raw`);
    await writeFile(disk, Buffer.alloc(1024 * 1024));
    await chmod(disk, 0o666);
    definition = join(system.disks, `${id}.yaml`);
    await writeFile(
      definition,
      `name: ${id}
spec:
  hypervisor: qemu
  accelerator: tcg
  title: By the command line
  memory: { size_bytes: 160MiB }
  boot: { kernel_path: ${image.kernel}, initrd_path: ${image.initrd}, kernel_args: console=ttyS0 quiet panic=-1 }
  disks: [{ source: { file_path: ${disk} }, cache: none }]
  serials: [{}]
  channels: [{ kind: guest_agent }]
  graphics: [{ vnc: {} }]
`,
    );
  });

  it('takes a guest from its definition to its end', async () => {
    expect(await answer('define', definition)).toBe(`domain ${id} defined`);
    expect(await answer('domstate', id, '--reason')).toBe('shut off (defined)');
    expect(await answer('start', id, '--paused')).toBe(`domain ${id} started`);
    expect(await answer('domstate', id, '--reason')).toBe('paused (starting up)');
    expect(await answer('resume', id)).toBe(`domain ${id} resumed`);
    expect(await answer('list', '--name')).toContain(id);
    expect(await answer('dominfo', id)).toMatch(/^State: +running \(unpaused\)/m);
    expect(await answer('vncdisplay', id)).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(await answer('domstats', id)).toMatch(new RegExp(`^${id} .* running `, 'm'));
    expect(await answer('suspend', id)).toBe(`domain ${id} suspended`);
    expect(await answer('domstate', id, '--reason')).toBe('paused (user)');
    expect(await answer('resume', id)).toBe(`domain ${id} resumed`);
    expect(await answer('autostart', id)).toBe(`domain ${id} starts with its node`);
    expect(await answer('autostart', id, '--disable')).toBe(`domain ${id} does not start with its node`);
    expect(await answer('reset', id)).toBe(`domain ${id} reset`);
    expect(await answer('destroy', id)).toBe(`domain ${id} destroyed`);
    expect(await answer('domstate', id, '--reason')).toBe('shut off (destroyed)');
    expect(await answer('undefine', id)).toBe(`domain ${id} undefined`);
    expect((await call('dominfo', id)).stderr).toMatch(/^error: /);
  });

  it('has a console into the guest, and asks it to shut down', async () => {
    expect(await answer('create', definition)).toBe(`domain ${id} created`);
    const typed = new Promise<string>((resolve) => {
      const env = environment();
      const child = execFile(vmesh, ['console', id, '--replay', 'all'], { env, encoding: 'utf8' }, (_error, stdout) => resolve(stdout));
      let [seen, sent] = ['', false];
      child.stdout?.on('data', (text: string) => {
        seen += text;
        // The prompt is there before the shell reads, and what it asks the terminal for is no answer.
        if (!sent && seen.includes('guest# ')) {
          sent = true;
          child.stdin?.write('echo $((6*7))-answered\n');
        }
        if (seen.includes('42-answered')) child.kill('SIGINT');
      });
    });
    expect(await typed).toContain('42-answered');
    expect(await answer('shutdown', id)).toBe(`domain ${id} shut down`);
    expect(await answer('list', '--all', '--name'), 'a transient domain is gone').not.toContain(id);
  });

  it('prints what it reads: a definition comes back as it was accepted', async () => {
    await answer('define', definition);
    const dumped = await answer('dumpspec', id);
    const again = join(system.disks, `${id}-again.yaml`);
    await writeFile(again, dumped);
    expect(await answer('define', again)).toBe(`domain ${id} redefined`);
    expect(await answer('dumpspec', id)).toBe(dumped);
    await writeFile(again, await answer('dominfo', id, '-o', 'json'));
    expect(await answer('define', again)).toBe(`domain ${id} redefined`);
    expect(await answer('dumpspec', id)).toBe(dumped);
    await answer('undefine', id);
  });

  it('names the line of a file that the server refuses', async () => {
    const bad = join(system.disks, `${id}-bad.yaml`);
    await writeFile(
      bad,
      `name: ${id}\nspec:\n  hypervisor: qemu\n  memory:\n    size_bytes: 160KiB\n  disks:\n  - source: { file_path: /etc/../passwd }\n`,
    );
    const { code, stderr } = await call('define', bad);
    expect(code).toBe(1);
    expect(stderr).toContain(`  ${bad}:5:5: spec.memory.size_bytes: `);
    expect(stderr).toContain(`  ${bad}:7:15: spec.disks[0].source.file_path: `);
  });

  it('says what becomes of each field that is set', async () => {
    await answer('define', definition);
    await answer('start', id);
    expect(await answer('set', id, 'title=Another', 'memory.current_bytes=128MiB', 'boot.menu=true')).toMatch(
      /^title +live[^]*^memory\.current_bytes +live[^]*^boot\.menu +next start/m,
    );
    expect(await answer('dominfo', id)).toMatch(/^Restart needed: /m);
    await answer('undefine', id, '--destroy');
  });

  it('tells what happened since a token, and gives the next one', async () => {
    const tokenOf = (text: string): string => /vmesh event --resume (\S+)/.exec(text)?.[1] ?? '';
    const before = tokenOf((await call('event', '--timeout', '4s')).stderr);
    expect(before).not.toBe('');
    for (const words of [
      ['define', definition],
      ['start', id],
      ['destroy', id, '--force'],
      ['undefine', id],
    ])
      await answer(...words);
    const { code, stdout, stderr } = await call('event', '--resume', before, '--event', 'lifecycle', '--count', '4');
    expect(code).toBe(0);
    expect(stdout.trim().split('\n')).toEqual(
      ['Defined Added', 'Started Booted', 'Stopped Destroyed', 'Undefined Removed'].map(
        (what) => `event 'lifecycle' for domain '${id}': ${what}`,
      ),
    );
    expect(tokenOf(stderr)).not.toBe(before);
    expect(await answer('event', '--resume', tokenOf(stderr), '--timeout', '2s')).toBe('');
  });

  it('tells about nodes', async () => {
    expect(await answer('nodelist', '-o', 'name')).toBe('nodes/n1');
    expect(await answer('nodeinfo')).toMatch(/^Name: +n1$/m);
    expect(await answer('capabilities')).toMatch(/^qemu +suspend +yes/m);
    expect(await answer('domcapabilities')).toMatch(/^Accelerator: +tcg$/m);
  });
});
