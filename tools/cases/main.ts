import { excusedReasons } from './excused-reasons.ts';
import { findReasonCases } from './reason-cases.ts';
import { findRuleCases } from './rule-cases.ts';
import { ruleTests } from './rule-tests.ts';

// Lists the reasons and the validation rules that no test has a case of, and fails if there is one.
const root = process.cwd();
const reasons = await findReasonCases(root, excusedReasons);
const rules = await findRuleCases(root, ruleTests);
const findings = [
  ...rules.failures.map((failure) => `a test fails: ${failure}`),
  ...rules.uncovered.map(({ id, words }) => `${id}: a rule without a case: ${words.replaceAll(/\s+/g, ' ').slice(0, 160)}`),
  ...rules.blurred.map(
    (place) => `${place}: words that another function finds; say them where the violation is made, so that each rule can be told apart`,
  ),
  ...reasons.unasserted.map(({ reason, places }) =>
    places.length > 0
      ? `${reason}: a reason without a case; given by ${places.join(', ')}`
      : `${reason}: a reason that nothing gives; remove it, or say why in tools/cases/excused-reasons.ts`,
  ),
  ...reasons.idle.map((reason) => `${reason}: is excused in tools/cases/excused-reasons.ts and needs no excuse`),
];
for (const finding of findings) process.stdout.write(`${finding}\n`);
process.stdout.write(`${rules.count} rules, ${reasons.count} reasons, ${findings.length} findings\n`);
if (rules.uncovered.length > 0)
  process.stdout.write(
    'A case stands in one of the tests of tools/cases/rule-tests.ts: it names the field or says the words, and can be repeated.\n',
  );
if (findings.length > 0) process.exitCode = 1;
