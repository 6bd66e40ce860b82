import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { runCommand } from '@virtmesh/tools/run-command';
import { within } from '../deadline.ts';
import { makeDisk } from '../../support/guest-image.ts';

const packages = ['libvirt-daemon-system', 'libvirt-daemon-driver-qemu', 'python3-libvirt'];

/** Debian's libvirt with the reference domain in its words, driven by its own client library in a process of its own. */
export class Libvirt implements AsyncDisposable {
  readonly #directory: string;
  readonly #daemons: ChildProcess[] = [];
  #client: ChildProcess | undefined;
  #answers: AsyncIterator<string> | undefined;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** Installs it by apt if it is missing, and starts it. `guests` domains are defined: `lv0`, `lv1`, ... */
  static async start(guests: number): Promise<Libvirt> {
    if (!existsSync('/usr/sbin/libvirtd') || !existsSync('/usr/lib/python3/dist-packages/libvirt.py')) {
      process.stderr.write(`installing ${packages.join(' ')} by apt ...\n`);
      await runCommand(['apt-get', 'install', '-y', '--no-install-recommends', ...packages]);
    }
    const directory = await mkdtemp('/tmp/vm-lv-');
    await chmod(directory, 0o755);
    const libvirt = new Libvirt(directory);
    try {
      await libvirt.#open(guests);
      return libvirt;
    } catch (thrown) {
      await libvirt[Symbol.asyncDispose]();
      throw thrown;
    }
  }

  /** Does one thing and answers how many milliseconds it took the client. */
  async run(verb: string, name = '', ...rest: readonly string[]): Promise<number> {
    this.#client?.stdin?.write(`${[verb, name === '' ? '-' : name, ...rest].join(' ')}\n`);
    const answer = this.#answers && (await within(60, `libvirt's ${verb} ${name}`, this.#answers.next()));
    const ms = Number(answer?.done === false ? answer.value : Number.NaN);
    if (Number.isNaN(ms)) throw new Error(`libvirt could not ${verb} ${name}`);
    return ms;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client?.stdin?.end();
    for (const child of [...this.#daemons].toReversed()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const exit = once(child, 'exit');
      child.kill('SIGTERM');
      await within(20, `the end of ${child.spawnfile}`, exit);
    }
    await rm(this.#directory, { recursive: true, force: true });
  }

  async #open(guests: number): Promise<void> {
    const sockets = join(this.#directory, 'run');
    await mkdir(sockets);
    const config = join(this.#directory, 'libvirtd.conf');
    await writeFile(config, `unix_sock_dir = "${sockets}"\nauth_unix_rw = "none"\nauth_unix_ro = "none"\n`);
    this.#daemons.push(spawn('/usr/sbin/virtlogd', ['-p', join(this.#directory, 'virtlogd.pid')], { stdio: 'ignore' }));
    this.#daemons.push(spawn('/usr/sbin/libvirtd', ['-f', config, '-p', join(this.#directory, 'libvirtd.pid')], { stdio: 'ignore' }));
    const socket = join(sockets, 'libvirt-sock');
    for (const end = Date.now() + 20_000; !existsSync(socket); await delay(50))
      if (Date.now() > end) throw new Error('libvirtd did not start');
    const client = spawn('/usr/bin/python3', [fileURLToPath(new URL('drive-libvirt.py', import.meta.url)), socket], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#client = client;
    this.#answers = createInterface({ input: client.stdout })[Symbol.asyncIterator]();
    await within(60, "the connection to libvirt's daemon", this.#answers.next());
    for (let index = 0; index < guests; index += 1) {
      const disk = join(this.#directory, `lv${index}.img`);
      await makeDisk(disk, 64n * 1024n * 1024n, 'raw');
      await this.run('define', `lv${index}`, disk);
    }
  }

  /** Ends and forgets its domains. */
  async forget(guests: number): Promise<void> {
    for (let index = 0; index < guests; index += 1) {
      await this.run('kill', `lv${index}`).catch(() => 0);
      await this.run('undefine', `lv${index}`);
    }
  }
}
