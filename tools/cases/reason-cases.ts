import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Reason, reasonCodes } from '@virtmesh/base';
import ts from 'typescript';
import { globbed, productSources } from './product-sources.ts';

/** A reason of the registry. */
export interface ReasonCase {
  readonly reason: Reason;
  /** Where the product gives it, as `path:line`; empty where nothing does. */
  readonly places: readonly string[];
  /** Where tests expect it, as `path:line`; empty where none does. */
  readonly tests: readonly string[];
}

/** What was found of the reasons of errors. */
export interface ReasonCases {
  readonly reasons: readonly ReasonCase[];
  /** Those that nothing gives or no test expects, without those that are excused. */
  readonly lacking: readonly ReasonCase[];
  /** Excused reasons that need no excuse any more. */
  readonly idle: readonly string[];
}

const registry = 'libs/base/src/reasons.ts';
const testFiles = ['{libs,services,clients}/**/*.test.ts', 'test/**/*.test.ts'];

/** Finds where each reason is given and where tests expect it; `excused` says of some why nothing gives them. */
export async function findReasonCases(root: string, excused: Readonly<Partial<Record<Reason, string>>>): Promise<ReasonCases> {
  const given = await reasonsIn(root, productSources(root), (path, literal) => path !== registry && !isOnlyAsked(literal));
  const asserted = await reasonsIn(root, globbed(root, testFiles), (_path, literal) => isAssertion(literal));
  const reasons = (Object.keys(reasonCodes) as Reason[]).map((reason): ReasonCase => ({
    reason,
    places: given.get(reason) ?? [],
    tests: asserted.get(reason) ?? [],
  }));
  const lacking = reasons.filter(({ places, tests }) => places.length === 0 || tests.length === 0);
  return {
    reasons,
    lacking: lacking.filter(({ reason }) => excused[reason] === undefined),
    idle: Object.keys(excused).filter((reason) => !lacking.some((each) => each.reason === reason)),
  };
}

async function reasonsIn(
  root: string,
  paths: AsyncIterable<string>,
  counts: (path: string, literal: ts.Node) => boolean,
): Promise<Map<Reason, string[]>> {
  const found = new Map<Reason, string[]>();
  for await (const path of paths) {
    const file = ts.createSourceFile(path, await readFile(join(root, path), 'utf8'), ts.ScriptTarget.Latest, true);
    const visit = (node: ts.Node): void => {
      if (ts.isStringLiteralLike(node) && isReason(node.text) && !ts.isLiteralTypeNode(node.parent) && counts(path, node)) {
        const { line } = file.getLineAndCharacterOfPosition(node.getStart(file));
        found.set(node.text, [...(found.get(node.text) ?? []), `${path}:${line + 1}`]);
      }
      ts.forEachChild(node, visit);
    };
    visit(file);
  }
  return found;
}

const isReason = (text: string): text is Reason => Object.hasOwn(reasonCodes, text);

/** In `Fault.is(thrown, 'X')` and in comparisons, a reason is not given but looked for. */
function isOnlyAsked(literal: ts.Node): boolean {
  const { parent } = literal;
  if (ts.isBinaryExpression(parent)) return /^[!=]==$/.test(parent.operatorToken.getText());
  return ts.isCallExpression(parent) && parent.expression.getText() === 'Fault.is';
}

/** A test that makes a fault of its own, or names a reason without expecting something, has not seen the product give it. */
function isAssertion(literal: ts.Node): boolean {
  const { parent } = literal;
  if (ts.isNewExpression(parent) || (ts.isCallExpression(parent) && parent.expression.getText() === 'Fault.ofViolations')) return false;
  let statement: ts.Node = literal;
  while (!ts.isStatement(statement)) statement = statement.parent;
  return /\bexpect\b/.test(statement.getText());
}
