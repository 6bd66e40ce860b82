import { Fault, raceAbort } from '@virtmesh/base';
import { type SendDomainKeysRequest, SendDomainKeysResponse } from '@virtmesh/contracts/domain/v1/guest';
import { type CallContext, checkDuration } from '@virtmesh/kit';
import type { Engine } from '../engine.ts';
import { checkState, feature } from '../verbs/precheck.ts';

const holdTimeRule = { field: 'hold_time', defaultMs: 100, maxMs: 10_000 };
const maxKeys = 16;

/** Presses keys in a guest, together. */
export async function sendKeys(engine: Engine, request: SendDomainKeysRequest, { signal }: CallContext): Promise<SendDomainKeysResponse> {
  const { drivers, registry } = engine.parts;
  const holdMs = checkDuration(request.holdTime, holdTimeRule);
  const { keys } = request;
  if (keys.length === 0 || keys.length > maxKeys) throw refused('keys', `has ${keys.length} entries; give 1 to ${maxKeys}`);
  const entry = registry.find(request.name);
  checkState(entry, 'send_keys');
  const facet = feature(drivers.get(entry.domain.hypervisor), 'sendKeys', entry);
  const unknown = keys.findIndex((key) => !facet.keys.has(key));
  if (unknown >= 0)
    throw refused(`keys[${unknown}]`, 'is no key that can be pressed here; give a name as Linux has it, such as KEY_LEFTCTRL');
  await raceAbort(facet.sendKeys(entry.guest, keys, holdMs, signal), signal);
  return SendDomainKeysResponse.fromPartial({});
}

const refused = (field: string, description: string): Fault =>
  Fault.ofViolations('REQUEST_INVALID', 'the request is not valid', [{ field, description }]);
