import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { serviceNodeEnvironment, serviceNodeFlags } from '@virtmesh/kit';
import { tryCommand } from '@virtmesh/tools/run-command';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const { exitCode: cannotVerify } = await tryCommand(['systemd-analyze', '--version']).catch(() => ({ exitCode: 1 }));

describe.skipIf(cannotVerify !== 0)('the units for systemd', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'units-'));
    await cp(join(root, 'deploy/systemd'), directory, { recursive: true });
    for (const name of await services()) {
      // As if this checkout stood where the units expect it.
      const text = (await readFile(join(directory, name), 'utf8')).replaceAll('/opt/virtmesh', root);
      await writeFile(join(directory, name), text);
    }
  });
  afterEach(async () => rm(directory, { recursive: true, force: true }));

  async function services(): Promise<readonly string[]> {
    return (await readdir(directory)).filter((name) => name.endsWith('.service'));
  }

  async function verify(): Promise<string> {
    const units = (await services()).map((name) => join(directory, name));
    const { stderr } = await tryCommand(['systemd-analyze', 'verify', '--man=no', '--recursive-errors=no', ...units]);
    return stderr
      .split('\n')
      .filter((line) => line.includes('virtmesh'))
      .join('\n');
  }

  it('are understood by systemd', async () => {
    expect(await services()).toEqual(['virtmesh-domain-svc.service', 'virtmesh-node-agent.service']);
    expect(await verify()).toBe('');
  });

  it('are understood with what a host without containers adds', async () => {
    const dropIn = join(directory, 'virtmesh-node-agent.service.d');
    await mkdir(dropIn);
    await rename(join(directory, 'virtmesh-node-agent-qemu-only.conf'), join(dropIn, 'qemu-only.conf'));
    expect(await verify()).toBe('');
    await writeFile(join(dropIn, 'wrong.conf'), '[Service]\nNoNewPrivilege=yes\n');
    expect(await verify()).toMatch(/NoNewPrivilege/);
  });

  it('forbid nothing that a container would inherit', async () => {
    const text = await readFile(join(directory, 'virtmesh-node-agent.service'), 'utf8');
    expect(text).not.toMatch(/^(NoNewPrivileges|CapabilityBoundingSet|Protect|Private|Restrict[A-Z]|Lock|SystemCall|MemoryDeny)/m);
  });

  it('would not be if a directive or a program were wrong', async () => {
    const path = join(directory, 'virtmesh-domain-svc.service');
    await writeFile(path, (await readFile(path, 'utf8')).replace('ProtectHome=yes', 'ProtectHouse=yes'));
    expect(await verify()).toMatch(/ProtectHouse/);
  });

  it('start services as everything else here does', async () => {
    const variables = Object.entries(serviceNodeEnvironment).map(([name, value]) => `Environment=${name}=${value}\n`);
    for (const name of await services()) {
      const text = await readFile(join(directory, name), 'utf8');
      expect(text).toContain(`.bin/node ${serviceNodeFlags.join(' ')} ${root}/services/`);
      for (const variable of variables) expect(text).toContain(variable);
    }
  });

  it('leave guests alone when the agent ends', async () => {
    expect(await readFile(join(directory, 'virtmesh-node-agent.service'), 'utf8')).toMatch(/^KillMode=process$/m);
  });
});
