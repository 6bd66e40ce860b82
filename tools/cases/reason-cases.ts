import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Reason, reasonCodes } from '@virtmesh/base';
import ts from 'typescript';
import { globbed, productSources } from './product-sources.ts';

/** A reason of the registry that no test asserts, or that nothing gives. */
export interface UnassertedReason {
  readonly reason: Reason;
  /** Where the product gives it, as `path:line`; empty where nothing does. */
  readonly places: readonly string[];
}

/** What was found of the reasons of errors. */
export interface ReasonCases {
  /** How many reasons the product gives. */
  readonly count: number;
  readonly unasserted: readonly UnassertedReason[];
  /** Excused reasons that need no excuse any more. */
  readonly idle: readonly string[];
}

const registry = 'libs/base/src/reasons.ts';
const tests = ['{libs,services,clients}/**/*.test.ts', 'test/**/*.test.ts'];

/** Finds the reasons that no test asserts or nothing gives, but for those that `excused` says why of. */
export async function findReasonCases(root: string, excused: Readonly<Partial<Record<Reason, string>>>): Promise<ReasonCases> {
  const given = await reasonsIn(root, productSources(root), (path, literal) => path !== registry && !isOnlyAsked(literal));
  const asserted = await reasonsIn(root, globbed(root, tests), (_path, literal) => isAssertion(literal));
  const never = (Object.keys(reasonCodes) as Reason[]).filter((reason) => !given.has(reason)).map((reason) => [reason, []] as const);
  const lacking = [...[...given].filter(([reason]) => !asserted.has(reason)), ...never];
  return {
    count: given.size,
    unasserted: lacking.filter(([reason]) => excused[reason] === undefined).map(([reason, places]) => ({ reason, places })),
    idle: Object.keys(excused).filter((reason) => !lacking.some(([each]) => each === reason)),
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
