import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runCommand } from '../process/run-command.ts';
import { findReasonCases } from './reason-cases.ts';
import type { RuleCases } from './rule-cases.ts';
import { findMakers, readRules } from './rule-sites.ts';

const cache = fileURLToPath(new URL('../../.cache', import.meta.url));

/** A rule for each way in which a rule can have a case or lack one. */
const ruleSource = `
export interface Violation { readonly field: string; readonly description: string }
const violation = (field: string, description: string): Violation => ({ field, description });
export function* rulesOf(port: number, name: string): Generator<Violation> {
  if (port < 0) yield violation('port', 'must not be negative');
  if (port > 65535) yield violation('port', 'must be at most 65535');
  if (name === '') yield { field: 'name', description: 'is required' };
  if (name === 'x') yield violation('name', 'must not be x');
  if (name === 'never') yield violation('name', 'is never tried');
  if (name === 'once') yield violation('name', 'is seen once');
  if (name.length > 5) yield violation('name', \`has \${name.length} characters; the most is 5\`);
}
`;
const tests = `
import { expect, test } from 'vitest';
import { rulesOf } from './rules.ts';
const fields = (port: number, name: string) => [...rulesOf(port, name)].map(({ field }) => field);
test('a negative port', () => expect(fields(-1, 'a')).toEqual(['port']));
test('a name that is empty, and a port that nobody looks at', () => expect(fields(70000, '')).toContain('name'));
test('a name that is only counted', () => expect(fields(1, 'x')).toHaveLength(1));
test('a long name, by its words', () => expect(() => { throw new Error([...rulesOf(1, 'abcdef')][0]?.description); }).toThrow(/6 characters/));
let count = 0;
test('what cannot be seen twice', () => { expect(fields(1, count++ === 0 ? 'once' : 'a')).toEqual(['name']); });
test('nothing throws', () => { for (const name of ['', 'x', 'abcdef']) fields(70000, name); });
`;

const withoutCase = (rules: RuleCases['rules']): string[] => rules.filter(({ test }) => test === undefined).map(({ words }) => words);

describe('the cases of rules', () => {
  let root: string;
  beforeEach(async () => {
    await mkdir(cache, { recursive: true });
    root = await mkdtemp(join(cache, 'planted-rules-'));
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  async function plant(files: Readonly<Record<string, string>>): Promise<void> {
    for (const [path, content] of Object.entries(files)) {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), content);
    }
  }

  /** In a process of its own: the test framework does not run within itself. */
  async function ruleCases(): Promise<RuleCases> {
    const module = new URL('rule-cases.ts', import.meta.url).href;
    const script = `import { findRuleCases } from ${JSON.stringify(module)};
      process.stdout.write(JSON.stringify(await findRuleCases(${JSON.stringify(root)}, ['libs/**/*.test.ts'])));`;
    const argv = [process.execPath, '--input-type=module', '--eval', script];
    return JSON.parse(await runCommand(argv, { env: { PATH: process.env['PATH'] } })) as RuleCases;
  }

  it('are there where a test fails without the rule, and passes with it again', { timeout: 120_000 }, async () => {
    await plant({ 'libs/p/src/rules.ts': ruleSource, 'libs/p/src/rules.test.ts': tests });
    const { blurred, failures, rules } = await ruleCases();
    expect(withoutCase(rules)).toEqual(["'must be at most 65535'", "'must not be x'", "'is never tried'", "'is seen once'"]);
    expect(rules.map(({ test }) => test)).toEqual([
      'libs/p/src/rules.test.ts: a negative port',
      undefined,
      'libs/p/src/rules.test.ts: a name that is empty, and a port that nobody looks at',
      undefined,
      undefined,
      undefined,
      'libs/p/src/rules.test.ts: a long name, by its words',
    ]);
    expect({ blurred, failures }).toEqual({ blurred: [], failures: [] });
  });

  it('do not come from tests that fail anyway', { timeout: 120_000 }, async () => {
    const hook =
      "import { beforeAll, describe, test } from 'vitest';\ndescribe('d', () => { beforeAll(() => { throw new Error('hook'); }); test('t', () => {}); });\n";
    const failing =
      "import { expect, test } from 'vitest';\nimport { rulesOf } from './rules.ts';\ntest('no', () => expect([...rulesOf(-1, 'a')]).toEqual([]));\n";
    await plant({ 'libs/p/src/rules.ts': ruleSource, 'libs/p/src/hook.test.ts': hook, 'libs/p/src/rules.test.ts': failing });
    const { failures, rules } = await ruleCases();
    expect(failures.toSorted()).toEqual(['libs/p/src/hook.test.ts: hook', expect.stringContaining('rules.test.ts: no: ')]);
    expect(withoutCase(rules)).toHaveLength(7);
  });

  it('are asked for wherever a violation is made, and nowhere else', () => {
    const text = `
      import { violation } from './rule.ts';
      const refused = (field, description) => Fault.of([{ field, description }]);
      export class Reading { refuse(node, path, message) { this.problems.push({ position: node.at, path, message }); } }
      function* rules() {
        yield violation('a', 'one');
        throw refused('b', \`two \${x}\`);
        const description = 'three';
        throw new Fault('X', 'x', {}, { violations: [{ field, description }] });
        reading.refuse(node, 'd', 'four');
        const wrong = whyNot(x);
        if (wrong) yield violation('e', wrong);
      }
      const rooted = violations.map((each) => ({ field: 'x.' + each.field, description: each.description }));
      const decoded = violations.map(({ field, description }) => ({ field, description }));`;
    const makers = new Map([
      ...findMakers('rule.ts', 'export const violation = (field, description) => ({ field, description });'),
      ...findMakers('a.ts', text),
    ]);
    const { blurred, code, sites } = readRules('a.ts', text, makers);
    expect(sites.map(({ words }) => words)).toEqual(["'one'", '`two ${x}`', 'description', "'four'", 'wrong']);
    expect(blurred).toEqual([sites[4]?.id]);
    for (const { id } of sites) expect(code.split(JSON.stringify(id))).toHaveLength(3);
    const elsewhere = readRules('b.ts', "violation('a', 'one'); refused('b', 'two'); reading.refuse(node, 'c', 'three');", makers);
    expect(elsewhere.sites.map(({ words }) => words)).toEqual(["'three'"]);
  });

  it('of reasons are assertions, of the product that gives them', async () => {
    await plant({
      'libs/p/src/a.ts': `
        throw new Fault('DOMAIN_EXISTS', '');
        throw Fault.ofViolations('SPEC_INVALID', '', []);
        const causes = [{ reason: 'DISK_EXHAUSTED' }];
        if (Fault.is(thrown, 'JOB_CONFLICT') || fault.reason === 'NAME_INVALID') throw new Fault('ETAG_MISMATCH', '');`,
      'libs/p/src/a.test.ts': `
        test('a', () => { expect(f).toMatchObject({ reason: 'DOMAIN_EXISTS' }); });
        test('b', () => { const f = () => { throw new Fault('SPEC_INVALID', ''); }; expect(f).toThrow(); });
        test.each(['ETAG_MISMATCH'])('c', (reason) => expect(f().reason).toBe(reason));
        world.fail('DISK_EXHAUSTED');`,
    });
    const { idle, lacking, reasons } = await findReasonCases(root, { ETAG_MISMATCH: 'is not needed', DOMAIN_MOVED: 'nothing moves' });
    const of = (reason: string) => reasons.find((each) => each.reason === reason);
    expect(of('DOMAIN_EXISTS')).toMatchObject({ places: ['libs/p/src/a.ts:2'], tests: ['libs/p/src/a.test.ts:2'] });
    expect(of('SPEC_INVALID')).toMatchObject({ places: ['libs/p/src/a.ts:3'], tests: [] });
    expect(of('DISK_EXHAUSTED')).toMatchObject({ places: ['libs/p/src/a.ts:4'], tests: [] });
    expect(of('JOB_CONFLICT')).toMatchObject({ places: [], tests: [] });
    const lack = lacking.map(({ reason }) => reason);
    expect(lack).toEqual(expect.arrayContaining(['SPEC_INVALID', 'DISK_EXHAUSTED', 'JOB_CONFLICT']));
    for (const reason of ['DOMAIN_EXISTS', 'ETAG_MISMATCH', 'DOMAIN_MOVED']) expect(lack).not.toContain(reason);
    expect(idle).toEqual(['ETAG_MISMATCH']);
  });
});
