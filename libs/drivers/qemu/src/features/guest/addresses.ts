import { Fault } from '@virtmesh/base';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { AddressSource, GuestAddresses } from '@virtmesh/contracts/domain/v1/guest';
import type { Addresses } from '@virtmesh/driver-spi';
import type { DriverContext } from '../../context.ts';
import { agentTimeoutMs, talk } from '../../guest-agent/talk.ts';
import type { LiveGuest } from '../../lifecycle/live-guest.ts';
import { listTold, numberTold, textTold, type Told } from './reading.ts';

export const addressesFeature = (context: DriverContext): Addresses => ({
  addresses: async (ref, active, source, signal) => {
    const guest = context.guests.running(ref);
    switch (source) {
      case AddressSource.GUEST:
        return fromGuest(context, guest, active, signal);
      case AddressSource.NEIGHBOURS:
        return fromNeighbours(context, active, signal);
      case AddressSource.UNSPECIFIED:
        return fromGuest(context, guest, active, signal).catch((thrown: unknown) => {
          if (!Fault.is(thrown, 'GUEST_AGENT_UNRESPONSIVE', 'GUEST_AGENT_FAILED')) throw thrown;
          return fromNeighbours(context, active, signal);
        });
      default:
        throw Fault.ofViolations('REQUEST_INVALID', 'the request is not valid', [
          { field: 'source', description: 'must be GUEST or NEIGHBOURS' },
        ]);
    }
  },
});

async function fromGuest(
  context: DriverContext,
  guest: LiveGuest,
  active: DomainSpec,
  signal: AbortSignal,
): Promise<readonly GuestAddresses[]> {
  const within = AbortSignal.any([signal, AbortSignal.timeout(agentTimeoutMs)]);
  return interfacesTold(await talk(context, guest, within, (ask) => ask('guest-network-get-interfaces')), active);
}

/** What the agent tells of the guest's interfaces, with the definition's ids by their MAC addresses. */
export const interfacesTold = (answer: unknown, { interfaces }: Pick<DomainSpec, 'interfaces'>): readonly GuestAddresses[] =>
  listTold(answer).map((each) => {
    const macAddress = textTold(each['hardware-address']).toLowerCase();
    return GuestAddresses.fromPartial({
      name: textTold(each['name']),
      macAddress,
      interface: interfaces.find((device) => device.macAddress === macAddress)?.id ?? '',
      addresses: listTold(each['ip-addresses'])
        .map(withPrefix)
        .filter((address) => address !== ''),
    });
  });

function withPrefix(address: Told): string {
  const text = textTold(address['ip-address']);
  return text === '' ? '' : `${text}/${numberTold(address['prefix'])}`;
}

async function fromNeighbours({ host }: DriverContext, active: DomainSpec, signal: AbortSignal): Promise<readonly GuestAddresses[]> {
  const neighbours = await host.network.neighbours(signal);
  return active.interfaces.map(({ id, macAddress }) =>
    GuestAddresses.fromPartial({
      interface: id,
      macAddress,
      addresses: [...new Set(neighbours.filter((each) => each.macAddress === macAddress).map(({ address }) => address))],
    }),
  );
}
