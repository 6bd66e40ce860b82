import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { guestPackages } from '../guest-image/guest-packages.ts';
import { moduleFiles } from '../guest-image/kernel-modules.ts';
import { type ArchiveEntry, newcArchive } from '../guest-image/newc-archive.ts';
import { cacheDirectory } from '../setup/cache-directory.ts';

const virtiofsd = '/usr/lib/qemu/virtiofsd';
const modules = ['virtio_pci', 'virtiofs', 'overlay'];
const memory = '1536M';
const socketMs = 10_000;
/** A test run that is killed leaves no machine behind. */
const dyingWithUs = ['--pdeathsig', 'KILL'] as const;

/** What a command wrote, standard error too, and how it ended. */
export interface MachineRun {
  readonly output: string;
  readonly exitCode: number;
}

/**
 * Runs a command as root of a machine of its own: Debian's cloud kernel in QEMU under TCG, with the files of this host but
 * /run, which it can change for itself alone, and with control groups of version 2 only. No argument holds a line's end.
 * Needs root here, and takes some ten times as long as the command would here.
 */
export async function runInMachine(command: readonly string[], signal: AbortSignal): Promise<MachineRun> {
  const tree = await guestPackages(cacheDirectory(), () => undefined);
  const kernel = (await readdir(join(tree.root, 'boot'))).find((name) => name.startsWith('vmlinuz-'));
  if (kernel === undefined) throw new Error(`no kernel in ${tree.root}/boot`);
  const directory = await mkdtemp(join(tmpdir(), 'vm-host-'));
  const ends = new AbortController();
  const running = AbortSignal.any([signal, ends.signal]);
  try {
    const initrd = join(directory, 'initrd.gz');
    await writeFile(initrd, gzipSync(newcArchive(await entries(tree.root, command)), { level: 1 }));
    const socket = join(directory, 'files');
    await shareFiles(socket, running);
    const console = await boot({ kernel: join(tree.root, 'boot', kernel), initrd, socket }, running);
    const [, output = '', exitCode] = /^([^]*)EXIT (\d+)\n/.exec(console.replaceAll('\r\n', '\n')) ?? [];
    if (exitCode === undefined) throw new Error(`the machine ended before its command did:\n${console.slice(-4000)}`);
    return { output, exitCode: Number(exitCode) };
  } finally {
    ends.abort();
    await rm(directory, { recursive: true, force: true });
  }
}

async function entries(root: string, command: readonly string[]): Promise<readonly ArchiveEntry[]> {
  const [version = ''] = await readdir(join(root, 'lib/modules'));
  const files = await moduleFiles(join(root, 'lib/modules', version), modules);
  const file = async (path: string, from: string, executable = false): Promise<ArchiveEntry> => ({
    kind: 'file',
    path,
    data: await readFile(from),
    executable,
  });
  const lines = (path: string, each: readonly string[]): ArchiveEntry => ({
    kind: 'file',
    path,
    data: Buffer.from(each.map((line) => `${line}\n`).join('')),
    executable: false,
  });
  return [
    await file('init', join(import.meta.dirname, 'init'), true),
    await file('bin/busybox', join(root, 'bin/busybox'), true),
    ...(await Promise.all(files.map((from) => file(`lib/modules/${basename(from)}`, from)))),
    lines(
      'etc/modules.list',
      files.map((path) => basename(path)),
    ),
    lines('command', command),
    ...['proc', 'sys', 'dev'].map((path): ArchiveEntry => ({ kind: 'directory', path })),
  ];
}

/** Offers this host's files; it ends with the machine, or with the signal. */
async function shareFiles(socket: string, signal: AbortSignal): Promise<void> {
  const args = [`--socket-path=${socket}`, '-o', 'source=/', '-o', 'cache=auto', '-o', 'sandbox=chroot'];
  const child = spawn('setpriv', [...dyingWithUs, virtiofsd, ...args], { stdio: 'ignore', signal, killSignal: 'SIGKILL' });
  const ended = once(child, 'exit').catch(() => undefined);
  child.on('error', () => {});
  for (const end = Date.now() + socketMs; !existsSync(socket); await delay(20)) {
    if ((await Promise.race([ended.then(() => true), delay(0)])) === true || Date.now() > end)
      throw new Error(`${virtiofsd} did not start; it needs root and the package qemu-system-common`);
  }
}

interface Boot {
  readonly kernel: string;
  readonly initrd: string;
  readonly socket: string;
}

/** Answers what the machine wrote on its console until it was off. */
async function boot({ kernel, initrd, socket }: Boot, signal: AbortSignal): Promise<string> {
  const args = ['-accel', 'tcg,thread=multi', '-machine', 'q35,memory-backend=memory', '-cpu', 'max', '-smp', '2', '-m', memory];
  const shared = ['-object', `memory-backend-memfd,id=memory,size=${memory},share=on`];
  const files = ['-chardev', `socket,id=files,path=${socket}`, '-device', 'vhost-user-fs-pci,chardev=files,tag=host'];
  const bare = ['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot', '-serial', 'stdio'];
  const direct = ['-kernel', kernel, '-initrd', initrd, '-append', 'console=ttyS0 quiet panic=-1'];
  const child = spawn('setpriv', [...dyingWithUs, 'qemu-system-x86_64', ...args, ...shared, ...files, ...bare, ...direct], {
    stdio: ['ignore', 'pipe', 'pipe'],
    signal,
    killSignal: 'SIGKILL',
  });
  const ended = once(child, 'exit');
  const [console, words] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  if (words.trim() !== '') throw new Error(`QEMU: ${words.trim()}`);
  return console;
}
