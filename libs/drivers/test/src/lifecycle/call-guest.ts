import { Fault } from '@virtmesh/base';
import type { GuestRef } from '@virtmesh/driver-spi';
import type { DriverContext } from '../context.ts';
import type { AnswerOf, ArgsOf, GuestVerb } from '../protocol/messages.ts';

/** Calls the simulator about a guest that must run: STATE_INVALID where it does not, and where there is no simulator. */
export async function callGuest<V extends GuestVerb>(
  { link }: Pick<DriverContext, 'link'>,
  { id, uid }: GuestRef,
  verb: V,
  args: Omit<ArgsOf<V>, 'uid'>,
  signal: AbortSignal,
): Promise<AnswerOf<V>> {
  const answer = await link.callPresent(verb, { ...args, uid }, signal);
  if (answer !== undefined) return answer;
  throw new Fault('STATE_INVALID', `${id} does not run; start it first`, { uid, state: 'shutoff', allowed: 'running' });
}
