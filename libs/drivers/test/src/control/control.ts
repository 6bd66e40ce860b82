import type { HostSockets } from '@virtmesh/driver-spi';
import { Connection } from '../link/connection.ts';
import { type AnswerOf, type ArgsOf, protocolVersion, type Verbs } from '../protocol/messages.ts';

type ControlVerb = Extract<keyof Verbs, `control.${string}`>;
type Short = ControlVerb extends `control.${infer Name}` ? Name : never;

/** What makes things happen in a simulation that no hypervisor's user can: faults, latencies, time, and what guests do by themselves. */
export interface SimulatorControl extends AsyncDisposable {
  call<N extends Short>(name: N, args: ArgsOf<`control.${N}`>, signal: AbortSignal): Promise<AnswerOf<`control.${N}`>>;
}

/** Connects to the simulator whose socket is at a path: `{runDir}/test-simulator.sock`. */
export async function connectControl(
  host: { readonly sockets: Pick<HostSockets, 'connect'> },
  path: string,
  signal: AbortSignal,
): Promise<SimulatorControl> {
  const connection = new Connection(await host.sockets.connect(path, signal), () => {});
  await connection.call('hello', { version: protocolVersion }, signal);
  return {
    call: (name, args, of) => connection.call(`control.${name}`, args, of),
    [Symbol.asyncDispose]: async () => {
      connection.close();
      await connection.closed;
    },
  };
}
