import { FieldEffect, FieldOutcome } from '@virtmesh/contracts/domain/v1/domain_service';
import { type Applied, Applying } from '../../apply/apply-domain.ts';
import { readWanted } from '../../apply/files.ts';
import { shortName } from '../../domain-reference.ts';
import { tellError } from '../../errors/tell-error.ts';
import { exitCodes } from '../../exit-codes.ts';
import type { Invocation } from '../../invocation.ts';
import { oneLine } from '../../output/sanitise.ts';
import { locatedFault } from '../../spec/locate-fault.ts';
import { loadDomainSchema } from '../../spec/schema.ts';
import { UsageError } from '../../usage-error.ts';

const changeLine = ({ path, before, after }: Applied['changes'][number]): string => {
  if (before === undefined) return `  + ${path}: ${after ?? ''}`;
  return after === undefined ? `  - ${path}: ${before}` : `  ~ ${path}: ${before} -> ${after}`;
};

/** What was done, or would be with all that differs. */
function linesOf({ name, action, power, changes }: Applied, dryRun: boolean): string[] {
  const words = [action, ...(power ? [power] : [])].join(', ');
  const line = `domain ${shortName(name)} ${words}`;
  return dryRun ? [`${line} (dry run)`, ...changes.map(changeLine)] : [line];
}

const json = (applied: Applied, dryRun: boolean): unknown => ({
  ...applied,
  dryRun,
  outcomes: applied.outcomes.map((outcome) => FieldOutcome.toJSON(outcome)),
});

export async function run(invocation: Invocation): Promise<number> {
  const files = invocation.list('filename');
  if (files.length === 0) throw new UsageError('say what to apply: -f FILE, a directory, or - for stdin');
  if (!invocation.globals.wait) throw new UsageError('apply does one thing after the other, and waits for each: leave out --no-wait');
  const schema = loadDomainSchema();
  const wanted = await readWanted(files, invocation.terminal.stdin, schema);
  const applying = new Applying(invocation, await invocation.connect(), schema);
  const dryRun = invocation.flag('dryRun');
  const results: Applied[] = [];
  let failed = false;
  for (const { file, document } of wanted) {
    try {
      const applied = await applying.apply(document);
      results.push(applied);
      if ((invocation.globals.output ?? 'table') === 'table' || invocation.globals.output === 'wide')
        for (const line of linesOf(applied, dryRun)) await invocation.say(line);
      for (const { path, effect, why } of applied.outcomes)
        if (effect === FieldEffect.NEXT_START && why !== '' && !invocation.flag('config'))
          invocation.note(oneLine(`${document.name}: ${path} is in force at the next start: ${why}`));
    } catch (thrown) {
      if (invocation.signal.aborted) throw thrown;
      failed = true;
      await tellError(locatedFault(thrown, document, file), invocation.terminal, invocation.globals.output);
    }
  }
  await invocation.show({
    text: () => '',
    json: () => ({ results: results.map((result) => json(result, dryRun)) }),
    names: () => results.map(({ name }) => name),
  });
  return failed ? exitCodes.failed : exitCodes.done;
}
