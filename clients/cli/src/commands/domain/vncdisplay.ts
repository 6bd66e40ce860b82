import { Fault } from '@virtmesh/base';
import { DomainView } from '@virtmesh/contracts/domain/v1/domain_service';
import { getDomain } from '../../domain/lookup.ts';
import { shortName } from '../../domain-reference.ts';
import type { Invocation } from '../../invocation.ts';
import { oneLine } from '../../output/sanitise.ts';
import { stateWord } from '../../output/states.ts';
import { renderTable } from '../../output/table.ts';

const firstPort = 5900;

/** `127.0.0.1:0` of `127.0.0.1:5900`: VNC counts displays from port 5900 on. */
export function displayOf(address: string): string {
  const at = address.lastIndexOf(':');
  const port = Number(address.slice(at + 1));
  return Number.isInteger(port) && port >= firstPort ? `${address.slice(0, at)}:${port - firstPort}` : address;
}

export async function run(invocation: Invocation): Promise<void> {
  const domain = await getDomain(invocation, DomainView.BASIC);
  const addresses = Object.entries(domain.status?.graphicsAddresses ?? {});
  if (addresses.length === 0) {
    throw new Fault(
      'DEVICE_NOT_FOUND',
      `domain ${shortName(domain.name)} has no VNC server now: it is ${stateWord(domain.status?.state)}, and one listens only while it runs with a graphics device of protocol vnc`,
      { domain: domain.name },
    );
  }
  const shown = invocation.flag('all') ? addresses : addresses.slice(0, 1);
  await invocation.show({
    text: ({ wide, paint }) =>
      wide || invocation.flag('all')
        ? renderTable(
            [
              { header: 'DEVICE', cell: ([id]) => id },
              { header: 'DISPLAY', cell: ([, address]) => displayOf(address) },
              { header: 'ADDRESS', cell: ([, address]) => address },
            ],
            shown,
            { paint },
          )
        : shown.map(([, address]) => `${oneLine(displayOf(address))}\n`).join(''),
    json: () => ({ graphicsAddresses: Object.fromEntries(shown) }),
    names: () => [domain.name],
  });
}
