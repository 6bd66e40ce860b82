import { ChannelKind } from '@virtmesh/contracts/domain/v1/channel';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Life, RunningGuest, World } from './world.ts';

const MiB = 1024n * 1024n;
const bootMs = 90_000;

type PartialSpec = Parameters<typeof DomainSpec.fromPartial>[0];

/** A small Linux guest with a shell on its serial port and the guest agent. */
export class LinuxGuest {
  running: RunningGuest;
  /** The life of the agent that has it now. */
  life: Life;

  private constructor(life: Life, running: RunningGuest) {
    this.life = life;
    this.running = running;
  }

  /** A life of the agent that such guests can be started in. */
  static async life(world: World): Promise<Life> {
    linuxBoot(world.images);
    return world.life({ consoleLog: { maxBytes: 1024 * 1024, files: 3 } });
  }

  static async boot(life: Life, more: PartialSpec = {}): Promise<LinuxGuest> {
    const guest = life.newGuest();
    const spec = life.spec(guest, undefined, {
      memory: { sizeBytes: 160n * MiB },
      boot: linuxBoot(life.images),
      serials: [{}],
      channels: [{ kind: ChannelKind.GUEST_AGENT }],
      ...more,
    });
    const linux = new LinuxGuest(life, await life.start(guest, spec));
    await linux.hears(/virtmesh guest: ready/);
    return linux;
  }

  /** What its serial port has said, when that matches. */
  async hears(pattern: RegExp, replayBytes = -1): Promise<string> {
    let heard = '';
    const signal = AbortSignal.timeout(bootMs);
    for await (const bytes of this.life.feature('console').output(this.running.guest, 'serial0', { replayBytes, follow: true }, signal)) {
      heard += Buffer.from(bytes).toString('latin1');
      if (pattern.test(heard)) return heard;
    }
    throw new Error(`the guest ended after saying ${heard}`);
  }

  /** What a command of its shell prints. */
  async runs(command: string): Promise<string> {
    const mark = `${Date.now()}${Math.trunc(Math.random() * 1e6)}`;
    await using input = await this.life.feature('console').input(this.running.guest, 'serial0', AbortSignal.timeout(bootMs));
    await input.write(Buffer.from(`echo begin-''${mark}; ${command}; echo end-''${mark}\n`));
    const heard = await this.hears(new RegExp(`end-${mark}`));
    return (heard.split(`begin-${mark}`)[1] ?? '').split(`end-${mark}`)[0]?.replaceAll('\r', '').trim() ?? '';
  }

  async finish(): Promise<void> {
    await this.life.finish(this.running);
  }
}

/** What boots such a guest, from a directory into which its image is brought where it is not there. */
export function linuxBoot(directory: string): { readonly kernelPath: string; readonly initrdPath: string; readonly kernelArgs: string } {
  const [kernelPath, initrdPath] = [join(directory, 'vmlinuz'), join(directory, 'initramfs.gz')];
  if (!existsSync(kernelPath) || !existsSync(initrdPath)) {
    // The repository's workshop makes the image, where it has not yet.
    const dev = fileURLToPath(new URL('../../../../../dev', import.meta.url));
    const [madeKernel = '', madeInitrd = ''] = execFileSync(dev, ['guest-image'], { encoding: 'utf8' }).split('\n');
    copyFileSync(madeKernel, kernelPath);
    copyFileSync(madeInitrd, initrdPath);
  }
  return { kernelPath, initrdPath, kernelArgs: 'console=ttyS0 quiet panic=-1' };
}
