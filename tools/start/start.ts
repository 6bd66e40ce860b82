import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Connection } from '@virtmesh/client';
import { Failure } from '../dev/failure.ts';
import { say } from '../dev/say.ts';
import { guestImage } from '../guest-image/guest-image.ts';
import { requireDisk, requireMemory, requireRoot } from '../setup/requirements.ts';
import { setUpSystem } from '../setup/system-packages.ts';
import { type Configuration, ensureConfiguration } from './configuration.ts';
import { Constellation } from './constellation.ts';
import { followEvents } from './event-lines.ts';
import { ensureGroup } from './group.ts';
import { guidance } from './guidance.ts';
import { ensureHello, helloId, installImage } from './hello-guest.ts';
import { isAlive, readInstance, recordOf, removeInstance, writeInstance } from './instance.ts';
import { devCommand, type DevLayout, devLayout } from './layout.ts';
import { endProcess } from './orphans.ts';
import { requireFreePorts } from './port-owner.ts';

/** Where the disk images of one's own guests can stand; guests' users reach a file in it by its name. It is left alone at the end. */
const imagesDirectory = '/var/lib/virtmesh/images';

/** Refuses a second instance, and ends what a first one left that was killed. */
async function takeOver(layout: DevLayout): Promise<void> {
  const former = await readInstance(layout.instanceFile);
  if (former === undefined) return;
  if (isAlive(former.main))
    throw new Failure(`./dev start runs already, as process ${former.main.pid}. Use that one, or end it: ${devCommand(layout, 'stop')}`);
  for (const child of former.children.filter(isAlive)) {
    say(`ending ${child.name} (process ${child.pid}), which a killed ./dev start left`);
    await endProcess(child);
  }
}

/** Aborted by Ctrl-C or SIGTERM. A second Ctrl-C ends this process at once. */
function interruption(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(name, () => controller.abort(new Failure('interrupted', 130)));
  return controller.signal;
}

async function bringUp(constellation: Constellation, layout: DevLayout): Promise<Connection> {
  const record = async (): Promise<void> =>
    writeInstance(layout.instanceFile, {
      main: recordOf('./dev start', process.pid),
      children: constellation.children.map(({ name, pid }) => recordOf(name, pid)),
    });
  await record();
  say('starting nats-server, node-agent and domain-svc ...');
  await constellation.startNats();
  await record();
  const agent = await constellation.startAgent();
  agent.close();
  await record();
  const control = await constellation.startControl();
  await record();
  return control;
}

/** Shows events as they come from NATS, until it is disposed of. */
function showEvents(layout: DevLayout, { natsAdmin }: Configuration): AsyncDisposable {
  const stop = new AbortController();
  const shown = followEvents(layout, natsAdmin, (line) => process.stdout.write(`event    ${line}\n`), stop.signal).catch(
    (error: unknown) => {
      if (!stop.signal.aborted) say(`events cannot be followed: ${error instanceof Error ? error.message : String(error)}`);
    },
  );
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await shown;
    },
  };
}

async function runInForeground(
  constellation: Constellation,
  layout: DevLayout,
  configuration: Configuration,
  interrupted: AbortSignal,
): Promise<number> {
  const image = await installImage(await guestImage({ progress: say }), layout.images);
  await using control = await bringUp(constellation, layout);
  await using _events = showEvents(layout, configuration);
  const started = await ensureHello(control, layout, image, (line) => process.stdout.write(`console  ${line}\n`), interrupted);
  if (!started) say(`the guest "${helloId}" was running already: it lived on`);
  process.stdout.write(guidance(layout));
  const interruptionSeen = new Promise<undefined>((resolve) =>
    interrupted.addEventListener('abort', () => resolve(undefined), { once: true }),
  );
  const death = await Promise.race([constellation.death, interruptionSeen]);
  if (death === undefined) return 0;
  const { child, exitCode } = death;
  say(`${child.name} ended with exit code ${exitCode}. Its last lines (${join(layout.logs, `${child.name}.log`)}):`);
  for (const line of await child.lastLines(15)) process.stderr.write(`  ${line}\n`);
  say('ending the other services too; guests live on');
  return 1;
}

/**
 * Starts all and stays in the foreground. Ctrl-C ends our processes, each after its calls; guests live on. If one of
 * them dies, the others are ended too: a part of the system alone would look as if it worked.
 */
export async function start(args: readonly string[]): Promise<number> {
  if (args.length > 0) throw new Failure(`start takes no arguments: ${args.join(' ')}`, 2);
  const layout = devLayout();
  requireRoot('./dev start');
  await takeOver(layout);
  requireMemory('./dev start', 1024);
  requireDisk('./dev start', layout.directory, 1024);
  await setUpSystem(say);
  await requireFreePorts(layout.ports);
  // A second layout, such as that of a test, leaves the system as it is.
  if (layout.isDefault) {
    await ensureGroup('virtmesh');
    await mkdir(imagesDirectory, { recursive: true, mode: 0o711 });
  }
  const configuration = await ensureConfiguration(layout);
  const interrupted = interruption();
  const constellation = new Constellation({ layout, files: configuration.files, signal: interrupted });
  try {
    return await runInForeground(constellation, layout, configuration, interrupted);
  } catch (error) {
    if (!interrupted.aborted) throw error;
    return 0;
  } finally {
    say('ending the services ...');
    await constellation.stop();
    await removeInstance(layout.instanceFile);
    say(`ended. Guests live on; ${devCommand(layout, 'stop')} ends them`);
  }
}
