import { Fault } from '@virtmesh/base';
import { Domain } from '@virtmesh/contracts/domain/v1/domain';
import { aboutDomain } from '../../domain/lookup.ts';
import { shortName } from '../../domain-reference.ts';
import type { Invocation } from '../../invocation.ts';
import { oneLine } from '../../output/sanitise.ts';
import { stateWord } from '../../output/states.ts';
import { UsageError } from '../../usage-error.ts';
import { waitForAddress } from '../../wait/address.ts';
import { type Condition, conditions } from '../../wait/conditions.ts';
import { type Wait, watchUntil } from '../../wait/watch.ts';

/** What has come, in words and for programs. */
interface Outcome {
  readonly words: string;
  readonly json: Readonly<Record<string, unknown>>;
}

async function outcomeOf(name: string, condition: Condition, wait: Wait): Promise<Outcome> {
  if (condition === 'address') {
    const addresses = await waitForAddress(name, wait);
    return { words: `has ${addresses.join(', ')}`, json: { addresses } };
  }
  try {
    const { domain, gone } = await watchUntil(name, condition, wait);
    const words = {
      'agent-connected': 'has its guest agent connected',
      'job=none': 'has no operation under way',
      deleted: 'is gone',
    };
    const said = condition in words ? words[condition as keyof typeof words] : `is ${stateWord(domain.status?.state)}`;
    return { words: said, json: { gone, domain: Domain.toJSON(domain) } };
  } catch (thrown) {
    if (condition === 'deleted' && Fault.is(thrown, 'DOMAIN_NOT_FOUND')) return { words: 'is gone', json: { gone: true } };
    throw thrown;
  }
}

export async function run(invocation: Invocation): Promise<void> {
  const condition = conditions.find((each) => each === invocation.text('for'));
  if (condition === undefined) throw new UsageError(`say what to wait for: --for ${conditions.join(', ')}`);
  const { timeoutMs } = invocation.globals;
  const timeout = timeoutMs === undefined ? undefined : AbortSignal.timeout(timeoutMs);
  const signal = timeout ? AbortSignal.any([invocation.signal, timeout]) : invocation.signal;
  const onRetry = (fault: Fault): void => invocation.note(`connection lost (${fault.message}); it is taken up again`);
  const [argument = ''] = invocation.args;
  try {
    await aboutDomain(invocation, argument, async (connection, name) => {
      const { words, json } = await outcomeOf(name, condition, { connection, signal, parent: invocation.parent, onRetry });
      await invocation.show({
        text: () => (invocation.globals.quiet ? '' : `${oneLine(`domain ${shortName(argument)} ${words}`)}\n`),
        json: () => ({ name, condition, ...json }),
        names: () => [name],
      });
    });
  } catch (thrown) {
    if (invocation.signal.aborted) throw new Fault('OPERATION_CANCELLED', `left before ${condition} held for domain ${argument}`, {});
    if (timeout?.aborted !== true) throw thrown;
    throw new Fault('DEADLINE_EXCEEDED', `${condition} has not come to hold for domain ${argument} in ${(timeoutMs ?? 0) / 1000} s`, {
      domain: argument,
    });
  }
}
