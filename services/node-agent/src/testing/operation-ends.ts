import type { Fault } from '@virtmesh/base';
import type { Operation } from '@virtmesh/contracts/operation/v1/operation';
import { faultFromStatus } from '@virtmesh/kit';
import type { TestAgent } from './test-agent.ts';

/** What a request says that waits for nothing. */
export const atOnce = { wait: { seconds: 0n, nanos: 0 } };

/** What never ends, for a place at which the scripted driver is to hang. */
export const never = (): Promise<never> => new Promise(() => {});

/** The last segment of an operation's name. */
export const idOf = ({ name }: Operation): string => name.split('/').at(-1) ?? '';

/** The operation at its end. */
export const ended = ({ context }: TestAgent, operation: Operation): Promise<Operation> =>
  context.operations.wait(idOf(operation), AbortSignal.timeout(10_000), 10_000);

/** Why an operation has failed. */
export function faultOf({ result, verb }: Operation): Fault {
  if (result?.$case !== 'error') throw new Error(`${verb} has not failed`);
  return faultFromStatus(result.value);
}

/** The reason for which an operation has failed; `none` for one that has not. */
export const reasonOf = ({ result }: Operation): string => (result?.$case === 'error' ? faultFromStatus(result.value).reason : 'none');
