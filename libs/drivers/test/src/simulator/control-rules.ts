import { Fault, type Violation } from '@virtmesh/base';
import { guestActs, type InjectedFault } from '../protocol/faults.ts';
import type { Latencies, Latency } from '../protocol/settings.ts';
import { isReason } from '../protocol/wire-fault.ts';

function check(violations: readonly Violation[]): void {
  if (violations.length > 0) throw Fault.ofViolations('REQUEST_INVALID', 'the request is not valid', violations);
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null;
const isTime = (value: unknown): boolean => typeof value === 'number' && value >= 0 && Number.isFinite(value);

/** People write these by hand, so that nothing of their form is taken for granted. */
export function checkFault(fault: InjectedFault): void {
  const { effect, probability, times, uid, verb }: { [K in keyof InjectedFault]?: unknown } = fault;
  check([
    ...(typeof verb === 'string' && verb !== ''
      ? []
      : [{ field: 'verb', description: 'is required: a verb such as suspend, or * for all' }]),
    ...(uid === undefined || typeof uid === 'string'
      ? []
      : [{ field: 'uid', description: 'must be the uid of a guest, or left out for all' }]),
    ...(probability === undefined || (isTime(probability) && Number(probability) <= 1)
      ? []
      : [{ field: 'probability', description: 'must be a number from 0 to 1' }]),
    ...(times === undefined || (Number.isInteger(times) && Number(times) > 0)
      ? []
      : [{ field: 'times', description: 'must be a whole number above 0, or left out for a fault without end' }]),
    ...effectRules(effect),
  ]);
}

function effectRules(effect: unknown): Violation[] {
  const t = isObject(effect) ? effect['t'] : undefined;
  if (!isObject(effect) || !['fail', 'hang', 'slow'].includes(String(t)))
    return [{ field: 'effect.t', description: 'must be fail, hang or slow' }];
  if (t === 'slow' && !isTime(effect['ms'])) return [{ field: 'effect.ms', description: 'must be milliseconds, 0 or more' }];
  if (t === 'fail' && !isReason(String(effect['reason'])))
    return [{ field: 'effect.reason', description: 'must be a reason of the contract, such as HYPERVISOR_FAILED' }];
  if (t === 'fail' && typeof effect['message'] !== 'string') return [{ field: 'effect.message', description: 'must be a text' }];
  return [];
}

export function checkAct(act: string): void {
  const known: readonly string[] = guestActs;
  check(known.includes(act) ? [] : [{ field: 'act', description: `must be one of ${known.join(', ')}` }]);
}

export function checkScale(scale: unknown, advanceMs: unknown): void {
  check([
    ...(scale === undefined || isTime(scale) ? [] : [{ field: 'scale', description: 'must be a number, 0 or more' }]),
    ...(advanceMs === undefined || isTime(advanceMs) ? [] : [{ field: 'advance_ms', description: 'must be milliseconds, 0 or more' }]),
  ]);
}

const latencyFields: Readonly<Record<Latency['t'], readonly string[]>> = {
  constant: ['ms'],
  uniform: ['minMs', 'maxMs'],
  normal: ['meanMs', 'deviationMs'],
  exponential: ['meanMs'],
};

export function checkLatencies(latencies: Latencies): void {
  check(
    Object.entries<unknown>(latencies).flatMap(([name, latency]) => {
      const fields = isObject(latency) ? latencyFields[String(latency['t']) as Latency['t']] : undefined;
      if (!isObject(latency) || !fields)
        return [{ field: `${name}.t`, description: `must be one of ${Object.keys(latencyFields).join(', ')}` }];
      return fields
        .filter((field) => !isTime(latency[field]))
        .map((field) => ({ field: `${name}.${field}`, description: 'must be milliseconds, 0 or more' }));
    }),
  );
}
