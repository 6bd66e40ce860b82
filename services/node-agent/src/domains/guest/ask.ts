import { raceAbort } from '@virtmesh/base';
import {
  AddressSource,
  type DomainGuestInfo,
  type GetDomainGuestInfoRequest,
  type ListDomainAddressesRequest,
  type ListDomainAddressesResponse,
} from '@virtmesh/contracts/domain/v1/guest';
import { type CallContext, checkEnum } from '@virtmesh/kit';
import type { Engine } from '../engine.ts';
import type { Entry } from '../model/change.ts';
import { checkState, feature } from '../verbs/precheck.ts';

/** A guest's network addresses. */
export async function listAddresses(
  engine: Engine,
  request: ListDomainAddressesRequest,
  { signal }: CallContext,
): Promise<ListDomainAddressesResponse> {
  checkEnum(AddressSource, request.source, 'source');
  const entry = asked(engine, request.name, 'asking it for its addresses');
  const facet = feature(engine.parts.drivers.get(entry.domain.hypervisor), 'addresses', entry);
  return { interfaces: [...(await raceAbort(facet.addresses(entry.guest, entry.active, request.source, signal), signal))] };
}

/** What a guest says of itself. */
export async function guestInfo(engine: Engine, { name }: GetDomainGuestInfoRequest, { signal }: CallContext): Promise<DomainGuestInfo> {
  const entry = asked(engine, name, 'asking it about itself');
  const facet = feature(engine.parts.drivers.get(entry.domain.hypervisor), 'guestInfo', entry);
  return raceAbort(facet.guestInfo(entry.guest, entry.active, signal), signal);
}

function asked(engine: Engine, name: string, doing: string): Entry & { readonly active: NonNullable<Entry['domain']['activeSpec']> } {
  const entry = engine.parts.registry.find(name);
  checkState(entry, 'ask_guest', doing);
  const active = entry.domain.activeSpec;
  if (active === undefined) throw new Error(`${entry.domain.name} runs without a definition`);
  return { ...entry, active };
}
