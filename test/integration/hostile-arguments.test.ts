import { readdir, readFile, readlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DiskBus } from '@virtmesh/contracts/domain/v1/disk';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { agentMarks } from '../support/agent-marks.ts';
import { fileDisk, idleMachine } from '../support/domain-specs.ts';
import { hostileTexts } from '../support/hostile-values.ts';
import { TestSystem } from '../support/system.ts';
import type { TestClient } from '../support/test-client.ts';

let system: TestSystem;
let client: TestClient;
beforeAll(async () => {
  system = await TestSystem.start();
  client = await system.client();
});
afterAll(async () => system[Symbol.asyncDispose]());

const control = /\p{Cc}/u;
/** What the name of a file can be. */
const fileNames = hostileTexts.filter((text) => text.length <= 80 && !control.test(text) && !text.includes('/') && !text.startsWith('.'));
/** What a kernel's command line can be. */
const lines = hostileTexts.filter((text) => text.length <= 2048 && !control.test(text));

/** A file that QEMU takes for a kernel of the oldest kind, since it has nothing in it. */
const emptyKernel = Buffer.alloc(8192);

interface Named {
  readonly disk: string;
  readonly kernel: string;
  readonly kernelArgs: string;
}

async function machineNamed({ disk, kernel, kernelArgs }: Named): Promise<DomainSpec> {
  await writeFile(join(system.disks, disk), Buffer.alloc(512));
  await writeFile(join(system.disks, kernel), emptyKernel);
  return idleMachine({
    disks: [fileDisk(join(system.disks, disk), 'raw', { bus: DiskBus.SCSI })],
    boot: { kernelPath: join(system.disks, kernel), kernelArgs },
  });
}

/** What a started guest's QEMU was given, and the files that it has open. */
async function launched(
  spec: DomainSpec,
): Promise<{ readonly args: readonly string[]; readonly files: readonly string[]; readonly uid: string }> {
  const { status, uid } = await client.run('guest', spec, { startPaused: true });
  try {
    const args = (await readFile(`/proc/${status?.pid}/cmdline`, 'utf8')).split('\0').slice(0, -1);
    const descriptors = await readdir(`/proc/${status?.pid}/fd`);
    const files = await Promise.all(descriptors.map((descriptor) => readlink(`/proc/${status?.pid}/fd/${descriptor}`).catch(() => '')));
    return { args, files, uid };
  } finally {
    await client.remove('guest');
  }
}

/** The arguments with what was named in its place, and without what differs from guest to guest. What was named must be one whole value. */
function comparable(args: readonly string[], uid: string, names: Named): unknown[] {
  const named = new Map([
    [join(system.disks, names.disk), 'DISK'],
    [join(system.disks, names.kernel), 'KERNEL'],
    [names.kernelArgs, 'ARGUMENTS'],
  ]);
  return args.map((arg, index) => {
    if (['-kernel', '-append'].includes(args[index - 1] ?? '')) return named.get(arg);
    const text = arg.replaceAll(uid, 'UID').replaceAll(/fd=\d+|52:54:00[:0-9a-f]+/g, '');
    if (!text.startsWith('{')) return text;
    return Object.fromEntries(
      Object.entries(JSON.parse(text) as Record<string, unknown>).map(([key, value]) => [key, named.get(value as string) ?? value]),
    );
  });
}

describe('a guest', () => {
  let plain: unknown[];
  beforeAll(async () => {
    const names = { disk: 'plain-disk', kernel: 'plain-kernel', kernelArgs: 'plain-arguments' };
    const { args, uid } = await launched(await machineNamed(names));
    plain = comparable(args, uid, names);
  });

  it('is given what the plain one is named after', () => {
    expect(plain).toEqual(expect.arrayContaining(['KERNEL', 'ARGUMENTS', expect.objectContaining({ filename: 'DISK' })]));
  });

  /** The command line differs from that of a plain guest in what was named, and in nothing else. */
  async function mustBeGiven(names: Named): Promise<void> {
    const { args, files, uid } = await launched(await machineNamed(names));
    expect(comparable(args, uid, names)).toEqual(plain);
    expect(files).toContain(join(system.disks, names.disk));
  }

  it.each(fileNames.map((name, index) => [name, lines[index % lines.length] ?? ''] as const))(
    'gets %j as one argument, and %j',
    async (name, kernelArgs) => {
      await mustBeGiven({ disk: `d${name}`, kernel: `k${name}`, kernelArgs });
    },
  );

  it('gets whatever can be the name of a file as one argument', { timeout: 120_000 }, async () => {
    const text = fc.oneof(
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }),
      fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }),
    );
    const name = text.filter((each) => !control.test(each) && !each.includes('/') && each.isWellFormed());
    const line = text.filter((each) => !control.test(each) && each.isWellFormed());
    await fc.assert(
      fc.asyncProperty(name, line, (each, kernelArgs) => mustBeGiven({ disk: `d${each}`, kernel: `k${each}`, kernelArgs })),
      { numRuns: 10 },
    );
  });

  it('gets each raw argument as one argument, behind the others, whatever is in it', async () => {
    const values = ['a b', 'a,,b', '"\'\\', '$(id)', 'a\nb', '-S', '../x', 'ä', '%s', '{"a":1}'];
    const raw = values.flatMap((value, index) => ['-fw_cfg', `name=opt/test/${index},string=${value.replaceAll(',', ',,')}`]);
    const spec = idleMachine({ qemu: { args: raw } });
    const { args } = await launched(spec);
    expect(args.slice(-raw.length)).toEqual(raw);
  });

  it("has a password that stands in nobody's sight", async () => {
    const password = '%s"\\,=$;';
    const { status, spec } = await client.run('guest', idleMachine({ graphics: [{ protocol: { $case: 'vnc', value: { password } } }] }), {
      startPaused: true,
    });
    const seen = await Promise.all(['cmdline', 'environ'].map((name) => readFile(`/proc/${status?.pid}/${name}`, 'utf8')));
    expect(seen.filter((text) => text.includes(password))).toEqual([]);
    expect(spec?.graphics[0]?.protocol?.value).toMatchObject({ password: '', passwordSet: true });
    expect((await client.get('guest')).activeSpec?.graphics[0]?.protocol?.value).toMatchObject({ password: '', passwordSet: true });
    expect(await system.agent.log()).not.toContain(password);
    await client.remove('guest');
  });
});

describe('raw arguments without the role raw', () => {
  let admins: TestSystem;
  let admin: TestClient;
  beforeAll(async () => {
    admins = await TestSystem.start({ agentEnv: { VIRTMESH_SOCKETS_ROLE: 'admin' } });
    admin = await admins.client();
  });
  afterAll(async () => admins[Symbol.asyncDispose]());

  const denied = { reason: 'PERMISSION_DENIED', metadata: { role: 'admin', required: 'raw', field: 'spec.qemu.args' } };
  const given = { qemu: { args: ['-incoming', 'exec:id'] } };

  it('are refused wherever they are given, and nothing is left', async () => {
    await admin.create('web', idleMachine());
    const before = await agentMarks(admins, admin.connection);
    for (const over of [{}, { start: true }, { transient: true }, { validateOnly: true }])
      await expect(admin.create('raw', idleMachine(given), over)).rejects.toMatchObject(denied);
    for (const path of ['qemu', 'qemu.args']) await expect(admin.update('web', [path], given)).rejects.toMatchObject(denied);
    await expect(admin.update('web', ['*'], idleMachine(given))).rejects.toMatchObject(denied);
    expect(await agentMarks(admins, admin.connection)).toEqual(before);
    await admin.update('web', ['title'], { ...given, title: 'what the mask does not name is not looked at' });
    expect((await admin.get('web')).spec?.qemu?.args ?? []).toEqual([]);
    await admin.remove('web');
  });
});
