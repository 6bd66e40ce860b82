import { chmod, copyFile, mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault, MiB } from '@virtmesh/base';
import type { Connection } from '@virtmesh/client';
import { ChannelKind } from '@virtmesh/contracts/domain/v1/channel';
import { type Domain, DomainState } from '@virtmesh/contracts/domain/v1/domain';
import {
  CreateDomainRequest,
  GetDomainRequest,
  OpenDomainConsoleRequest,
  ResumeDomainRequest,
  StartDomainRequest,
} from '@virtmesh/contracts/domain/v1/domain_service';
import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { GuestImage } from '../guest-image/guest-image.ts';
import type { DevLayout } from './layout.ts';

/** The domain that `./dev start` makes. */
export const helloId = 'hello';

/** Copies the guest's kernel and initial ram disk out of the cache, so that the definition does not depend on it. */
export async function installImage(image: GuestImage, directory: string): Promise<GuestImage> {
  await mkdir(directory, { recursive: true, mode: 0o755 });
  const installed = { kernel: join(directory, 'vmlinuz'), initrd: join(directory, 'initramfs.gz') };
  for (const part of ['kernel', 'initrd'] as const) {
    const fresh = `${installed[part]}.new`;
    await copyFile(image[part], fresh);
    await chmod(fresh, 0o644);
    await rename(fresh, installed[part]);
  }
  return installed;
}

/** A small guest with one of each usual thing: network, serial port, guest agent. */
function helloSpec(image: GuestImage): DomainSpec {
  return DomainSpec.fromPartial({
    hypervisor: 'qemu',
    title: 'The first guest',
    description: 'Made by ./dev start. It has no disk, so that every start is a fresh one.',
    memory: { sizeBytes: 256n * MiB },
    boot: { kernelPath: image.kernel, initrdPath: image.initrd, kernelArgs: `console=ttyS0 quiet panic=-1 virtmesh.hostname=${helloId}` },
    interfaces: [{ backend: { $case: 'user', value: {} } }],
    serials: [{}],
    channels: [{ kind: ChannelKind.GUEST_AGENT }],
  });
}

/** What the guest prints when it is up. */
const readyLine = 'virtmesh guest: ready';

/** Shows a line of the guest's console. */
export type ShowLine = (line: string) => void;

async function find(control: Connection, name: string, signal: AbortSignal): Promise<Domain | undefined> {
  try {
    return await control.domains.getDomain(GetDomainRequest.fromPartial({ name }), { signal });
  } catch (error) {
    if (Fault.is(error, 'DOMAIN_NOT_FOUND')) return undefined;
    throw error;
  }
}

/** The only message, and then nothing: the end of a client's messages would end the console. */
async function* untilAborted<T>(message: T, signal: AbortSignal): AsyncGenerator<T> {
  yield message;
  await new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
    if (signal.aborted) resolve();
  });
}

/** Shows what the first serial port prints until the guest is up; `onOpened` is called when nothing can be missed. */
async function showBoot(
  control: Connection,
  name: string,
  show: ShowLine,
  onOpened: () => Promise<unknown>,
  signal: AbortSignal,
): Promise<void> {
  const done = new AbortController();
  const ending = AbortSignal.any([signal, done.signal, AbortSignal.timeout(60_000)]);
  const open = OpenDomainConsoleRequest.fromPartial({ item: { $case: 'open', value: { name, readOnly: true } } });
  const decoder = new TextDecoder();
  let rest = '';
  try {
    for await (const { item } of control.domains.openDomainConsole(untilAborted(open, ending), { signal: ending })) {
      if (item?.$case === 'opened') await onOpened();
      if (item?.$case !== 'output') continue;
      const lines = (rest + decoder.decode(item.value, { stream: true })).split(/\r?\n/);
      rest = lines.pop() ?? '';
      for (const line of lines) show(line);
      if (lines.includes(readyLine)) return;
    }
  } catch (error) {
    // A guest that boots slowly is no reason to give up the rest.
    if (!ending.aborted || signal.aborted) throw error;
  } finally {
    done.abort();
  }
}

/**
 * Sees to it that the guest is defined and runs, and shows its first lines if it did not run before. It is started
 * paused and let run when its console is open, so that no line is missed. Answers whether it was started.
 */
export async function ensureHello(
  control: Connection,
  layout: DevLayout,
  image: GuestImage,
  show: ShowLine,
  signal: AbortSignal,
): Promise<boolean> {
  const parent = `nodes/${layout.node}`;
  const name = `${parent}/domains/${helloId}`;
  const known = await find(control, name, signal);
  if (known === undefined) {
    const created = await control.domains.createDomain(
      CreateDomainRequest.fromPartial({ parent, domainId: helloId, spec: helloSpec(image) }),
      { signal },
    );
    await control.waitOperation(created, { signal });
  } else if (known.status?.state !== DomainState.SHUTOFF) {
    return false;
  }
  await control.waitOperation(await control.domains.startDomain(StartDomainRequest.fromPartial({ name, paused: true }), { signal }), {
    signal,
  });
  await showBoot(control, name, show, () => control.domains.resumeDomain(ResumeDomainRequest.fromPartial({ name }), { signal }), signal);
  return true;
}
