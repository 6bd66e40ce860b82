import { findRuleCases } from '/work/main/tools/cases/rule-cases.ts';
import { ruleAreas } from '/work/main/tools/cases/rule-areas.ts';
const began = Date.now();
const pick = process.argv.slice(2);
const r = await findRuleCases('/work/main', ruleAreas.filter((a) => pick.length === 0 || pick.some((p) => a.rules[0]!.includes(p))));
console.log(r.count, 'rules', Date.now() - began, 'ms');
for (const s of r.uncovered) console.log('UNCOVERED', s.id, s.words.slice(0, 140).replaceAll('\n', ' '));
for (const s of r.blurred) console.log('BLURRED', s);
for (const s of r.failures) console.log('FAIL', s);
