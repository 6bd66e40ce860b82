import { completionScripts } from '../completion/scripts.ts';
import type { Invocation } from '../invocation.ts';
import { UsageError } from '../usage-error.ts';

export async function run(invocation: Invocation): Promise<void> {
  const script = completionScripts[invocation.args[0] ?? ''];
  if (script === undefined) throw new UsageError(`there is completion for ${Object.keys(completionScripts).join(', ')}`);
  await invocation.write(script);
}
