import ts from 'typescript';

/** A place in a source file that makes a violation: one validation rule. */
export interface RuleSite {
  /** `path:line:column`. */
  readonly id: string;
  /** What it says, as it stands in the source. */
  readonly words: string;
}

/** The rules of a file, and the file with each of them under control of `RuleControl`. */
export interface RuleFile {
  readonly sites: readonly RuleSite[];
  readonly code: string;
  /** Places whose words are made elsewhere, so that rules cannot be told apart there. */
  readonly blurred: readonly string[];
}

interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: (source: string) => string;
}

/** What makes a violation of its parameters, by its name: the positions of its field and its description. */
export type Makers = ReadonlyMap<string, { readonly field: number; readonly description: number }>;

/** The global through which instrumented rules ask whether they are to be broken. */
export const controlName = '__virtmeshRules';

const parse = (path: string, text: string): ts.SourceFile => ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);

/** The functions of a file that make a violation of their parameters, such as `violation` and `refused`: whoever calls them writes the rule. */
export function findMakers(path: string, text: string): Makers {
  const makers = new Map<string, { field: number; description: number }>();
  walk(parse(path, text), (node) => {
    const made = violationLiteral(node);
    const owner = made && enclosingFunction(node);
    if (!made || !owner?.name) return;
    const field = parameterIndex(owner.parameters, made.field);
    const description = parameterIndex(owner.parameters, made.description);
    if (field >= 0 && description >= 0) makers.set(owner.name, { field, description });
  });
  return makers;
}

/** Finds the rules of a file: violations that are written out, and calls of makers. */
export function readRules(path: string, text: string, makers: Makers): RuleFile {
  const file = parse(path, text);
  const sites: RuleSite[] = [];
  const blurred: string[] = [];
  const edits: Edit[] = [];
  walk(file, (node) => {
    const made = madeBy(node, makers);
    if (!made || isForwarded(node, made)) return;
    const { line, character } = file.getLineAndCharacterOfPosition(node.getStart(file));
    const id = `${path}:${line + 1}:${character + 1}`;
    if (isMadeElsewhere(made.description)) blurred.push(id);
    sites.push({ id, words: made.description.getText(file) });
    edits.push(controlled(file, made.field, id));
  });
  return { sites, blurred, code: applied(text, edits) };
}

interface Made {
  readonly field: ts.Expression;
  readonly description: ts.Expression;
}

function madeBy(node: ts.Node, makers: Makers): Made | undefined {
  if (!ts.isCallExpression(node) || !ts.isIdentifier(node.expression)) return violationLiteral(node);
  const maker = makers.get(node.expression.text);
  const field = maker && node.arguments[maker.field];
  const description = maker && node.arguments[maker.description];
  return field && description && { field, description };
}

/** `{ field, description }`, and nothing but these. */
function violationLiteral(node: ts.Node): Made | undefined {
  if (!ts.isObjectLiteralExpression(node) || node.properties.length !== 2) return undefined;
  const field = valueOf(node, 'field');
  const description = valueOf(node, 'description');
  return field && description && { field, description };
}

function valueOf(literal: ts.ObjectLiteralExpression, name: string): ts.Expression | undefined {
  for (const property of literal.properties) {
    if (property.name === undefined || !ts.isIdentifier(property.name) || property.name.text !== name) continue;
    if (ts.isPropertyAssignment(property)) return property.initializer;
    if (ts.isShorthandPropertyAssignment(property)) return property.name;
  }
  return undefined;
}

/** Whether a maker only passes on what its callers wrote. */
function isForwarded(node: ts.Node, made: Made): boolean {
  const parameters = enclosingFunction(node)?.parameters ?? [];
  return parameterIndex(parameters, made.description) >= 0;
}

/** Whether the words are what a function answered, which may hold several rules. */
function isMadeElsewhere(description: ts.Expression): boolean {
  if (ts.isCallExpression(description)) return true;
  if (!ts.isIdentifier(description)) return false;
  const initializer = initializerOf(description);
  return initializer === undefined || ts.isCallExpression(initializer);
}

function initializerOf(name: ts.Identifier): ts.Expression | undefined {
  let found: ts.Expression | undefined;
  walk(name.getSourceFile(), (node) => {
    if (ts.isVariableDeclaration(node) && ts.isIdentifier(node.name) && node.name.text === name.text) found = node.initializer;
  });
  return found;
}

function parameterIndex(parameters: readonly ts.ParameterDeclaration[], value: ts.Expression): number {
  return ts.isIdentifier(value) ? parameters.findIndex(({ name }) => ts.isIdentifier(name) && name.text === value.text) : -1;
}

function enclosingFunction(node: ts.Node): { name: string | undefined; parameters: readonly ts.ParameterDeclaration[] } | undefined {
  for (let at: ts.Node | undefined = node.parent; at !== undefined; at = at.parent) {
    if (!ts.isFunctionLike(at)) continue;
    const named = ts.isVariableDeclaration(at.parent) ? at.parent.name : at.name;
    return { name: named && ts.isIdentifier(named) ? named.text : undefined, parameters: at.parameters };
  }
  return undefined;
}

/** Asks the control for the field. */
function controlled(file: ts.SourceFile, field: ts.Expression, id: string): Edit {
  const shorthand = ts.isShorthandPropertyAssignment(field.parent) ? 'field: ' : '';
  return {
    start: field.getStart(file),
    end: field.end,
    text: (source) => `${shorthand}globalThis.${controlName}.field(${JSON.stringify(id)}, ${source})`,
  };
}

function applied(text: string, edits: readonly Edit[]): string {
  return edits
    .toSorted((a, b) => b.start - a.start)
    .reduce((code, { start, end, text: change }) => code.slice(0, start) + change(code.slice(start, end)) + code.slice(end), text);
}

function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  ts.forEachChild(node, (child) => walk(child, visit));
}
