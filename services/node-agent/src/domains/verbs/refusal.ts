import { Fault } from '@virtmesh/base';

/**
 * What a check that has to wait refuses a call with. It is thrown where the call is prepared, so that a repeat of a call
 * that has been accepted is answered as the first was, whatever has become of the files since.
 */
export async function refusalOf(check: Promise<unknown>): Promise<Fault | undefined> {
  try {
    await check;
    return undefined;
  } catch (thrown) {
    return Fault.from(thrown);
  }
}
