import { breachesOf, rules } from './rules.ts';
import { readWorkspace } from './workspace.ts';

// Checks the dependency rules of the workspace in the working directory, or in the one that is named.
const workspace = await readWorkspace(process.argv[2] ?? process.cwd());
const breaches = breachesOf(workspace);
for (const { rule, where, message } of breaches) process.stdout.write(`${where}: ${message} [${rule}]\n`);
process.stdout.write(
  `${rules.length} rules, ${workspace.packages.length} packages, ${workspace.files.length} files, ${breaches.length} breaches\n`,
);
if (breaches.length > 0) process.exitCode = 1;
