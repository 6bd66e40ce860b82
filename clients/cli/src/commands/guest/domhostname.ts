import { Fault } from '@virtmesh/base';
import { getGuestInfo } from '../../guest/info.ts';
import type { Invocation } from '../../invocation.ts';
import { oneLine } from '../../output/sanitise.ts';

export async function run(invocation: Invocation): Promise<void> {
  const { hostname } = await getGuestInfo(invocation);
  if (hostname === '') throw new Fault('GUEST_AGENT_FAILED', 'the guest does not tell its host name', { desc: '' });
  await invocation.show({ text: () => `${oneLine(hostname)}\n`, json: () => ({ hostname }), names: () => [hostname] });
}
