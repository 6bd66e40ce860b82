import { excusedReasons } from './excused-reasons.ts';
import { findReasonCases } from './reason-cases.ts';
import { findRuleCases } from './rule-cases.ts';
import { ruleTests } from './rule-tests.ts';

// Lists each validation rule and each reason of errors with a test that has a case of it, and fails if one has none.
const root = process.cwd();
const reasons = await findReasonCases(root, excusedReasons);
const rules = await findRuleCases(root, ruleTests);
const short = (words: string): string => words.replaceAll(/\s+/g, ' ').slice(0, 160);
for (const { id, test, words } of rules.rules) if (test !== undefined) process.stdout.write(`${id}: ${short(words)}\n    ${test}\n`);
for (const { places, reason, tests } of reasons.reasons)
  if (places.length > 0 && tests.length > 0) process.stdout.write(`${reason}, given at ${places[0]}\n    ${tests[0]}\n`);

const uncovered = rules.rules.filter(({ test }) => test === undefined);
const findings = [
  ...rules.failures.map((failure) => `a test fails: ${failure}`),
  ...uncovered.map(({ id, words }) => `${id}: a rule without a case: ${short(words)}`),
  ...rules.blurred.map(
    (place) => `${place}: words that another function finds; say them where the violation is made, so that each rule can be told apart`,
  ),
  ...reasons.lacking.map(({ reason, places }) =>
    places.length > 0
      ? `${reason}: a reason without a case; given by ${places.join(', ')}`
      : `${reason}: a reason that nothing gives; remove it, or say why in tools/cases/excused-reasons.ts`,
  ),
  ...reasons.idle.map((reason) => `${reason}: is excused in tools/cases/excused-reasons.ts and needs no excuse`),
];
for (const finding of findings) process.stdout.write(`${finding}\n`);
process.stdout.write(`${rules.rules.length} rules, ${reasons.reasons.length} reasons, ${findings.length} findings\n`);
if (uncovered.length > 0)
  process.stdout.write(
    'A case stands in one of the tests of tools/cases/rule-tests.ts: it names the field or says the words, and can be repeated.\n',
  );
if (findings.length > 0) process.exitCode = 1;
