import { existsSync } from 'node:fs';
import { contractBreaks } from './contract-breaks.ts';

/**
 * The contract that clients may rely on, as it was last released; `npm run baseline` records it. It stands in the
 * repository, so that the check needs neither network nor history, and works from the first commit on.
 */
const baseline = 'proto/baseline.binpb';

if (existsSync(baseline)) {
  const breaks = await contractBreaks('.', baseline);
  for (const line of breaks) process.stdout.write(`${line}\n`);
  if (breaks.length > 0)
    process.stdout.write(`These break clients of the released contract. Add instead of changing, or begin a new version of the package.\n`);
  process.exitCode = breaks.length > 0 ? 1 : 0;
} else {
  process.stdout.write(`${baseline} is missing; record the released contract: npm run baseline\n`);
  process.exitCode = 1;
}
