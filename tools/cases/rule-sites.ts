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

/** A function that makes violations of its parameters, such as `violation` and `refused`: whoever calls it writes the rule. */
export interface Maker {
  /** A method can be called anywhere, a function where it is declared and, if exported, where it is imported. */
  readonly reach: 'file' | 'imports' | 'everywhere';
  /** Which parameter is the field; absent where the field is made of something else. */
  readonly field: number | undefined;
  readonly description: number;
}
export type Makers = ReadonlyMap<string, Maker>;

/** The global through which instrumented rules ask whether they are to be broken. */
export const controlName = '__virtmeshRules';

interface Made {
  readonly field: ts.Expression | undefined;
  readonly description: ts.Expression;
}

interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: (source: string) => string;
}

const parse = (path: string, text: string): ts.SourceFile => ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);

/** The makers that a file declares. */
export function findMakers(path: string, text: string): Makers {
  const makers = new Map<string, Maker>();
  walk(parse(path, text), (node) => {
    const made = violationLiteral(node);
    const owner = made && enclosingFunction(node);
    if (!made || owner?.name === undefined) return;
    const description = parameterIndex(owner.parameters, passedOn(made.description));
    const field = parameterIndex(owner.parameters, made.field);
    if (description >= 0) makers.set(owner.name, { reach: owner.reach, description, field: field < 0 ? undefined : field });
  });
  return makers;
}

/** Finds the rules of a file: violations that are written out, and calls of makers, its own and those of `others` that reach it. */
export function readRules(path: string, text: string, others: Makers): RuleFile {
  const file = parse(path, text);
  const imported = new Set(importedNames(file));
  const reaching = [...others].filter(([name, { reach }]) => reach === 'everywhere' || (reach === 'imports' && imported.has(name)));
  const makers = new Map([...reaching, ...findMakers(path, text)]);
  const sites: RuleSite[] = [];
  const blurred: string[] = [];
  const edits: Edit[] = [];
  walk(file, (node) => {
    const made = madeBy(node, makers);
    if (!made || isCopy(made.description)) return;
    const owner = enclosingFunction(node);
    const { line, character } = file.getLineAndCharacterOfPosition(node.getStart(file));
    const id = `${path}:${line + 1}:${character + 1}`;
    if (owner && parameterIndex(owner.parameters, passedOn(made.description)) >= 0) {
      if (owner.name === undefined) blurred.push(id);
      return;
    }
    if (isMadeElsewhere(made.description)) blurred.push(id);
    sites.push({ id, words: made.description.getText(file) });
    edits.push(controlled(file, made.description, 'description', id));
    if (made.field) edits.push(controlled(file, made.field, 'field', id));
  });
  return { sites, blurred, code: applied(text, edits) };
}

function importedNames(file: ts.SourceFile): string[] {
  return file.statements.flatMap((statement) => {
    const bindings = ts.isImportDeclaration(statement) ? statement.importClause?.namedBindings : undefined;
    return bindings && ts.isNamedImports(bindings) ? bindings.elements.map(({ name }) => name.text) : [];
  });
}

function madeBy(node: ts.Node, makers: Makers): Made | undefined {
  if (!ts.isCallExpression(node)) return violationLiteral(node);
  const maker = calledMaker(node.expression, makers);
  const description = maker && node.arguments[maker.description];
  return description && { description, field: maker.field === undefined ? undefined : node.arguments[maker.field] };
}

function calledMaker(called: ts.Expression, makers: Makers): Maker | undefined {
  if (ts.isIdentifier(called)) return makers.get(called.text);
  const maker = ts.isPropertyAccessExpression(called) ? makers.get(called.name.text) : undefined;
  return maker?.reach === 'everywhere' ? maker : undefined;
}

/** A `Violation`, or what the command line says of a file: `{ position, path, message }`. */
function violationLiteral(node: ts.Node): Made | undefined {
  if (!ts.isObjectLiteralExpression(node)) return undefined;
  const [field, description, position] = ['field', 'description', 'position'].map((name) => valueOf(node, name));
  if (field && description && node.properties.length === 2) return { field, description };
  const [path, message] = ['path', 'message'].map((name) => valueOf(node, name));
  return position && path && message && { field: path, description: message };
}

function valueOf(literal: ts.ObjectLiteralExpression, name: string): ts.Expression | undefined {
  for (const property of literal.properties) {
    if (property.name === undefined || !ts.isIdentifier(property.name) || property.name.text !== name) continue;
    if (ts.isPropertyAssignment(property)) return property.initializer;
    if (ts.isShorthandPropertyAssignment(property)) return property.name;
  }
  return undefined;
}

/** The parameter that a description passes on: as it is, or behind a few words that are always the same. */
function passedOn(description: ts.Expression): ts.Expression {
  const [span, ...more] = ts.isTemplateExpression(description) ? description.templateSpans : [];
  return span && more.length === 0 && span.literal.text === '' ? span.expression : description;
}

/** Whether a violation is only copied from another one: its words are a part of what the function is given. */
function isCopy(description: ts.Expression): boolean {
  const taken = (name: ts.BindingName): boolean =>
    ts.isObjectBindingPattern(name) &&
    name.elements.some((element) => ts.isIdentifier(element.name) && element.name.getText() === description.getText());
  let copies = enclosingFunction(description)?.parameters.some(({ name }) => taken(name)) === true;
  walk(description, (node) => {
    if (ts.isPropertyAccessExpression(node) && node.name.text === 'description') copies = true;
  });
  return copies;
}

/** Whether another function finds what is wrong, which may hold several rules. */
function isMadeElsewhere(description: ts.Expression): boolean {
  const initializer = ts.isIdentifier(description) ? initializerOf(description) : undefined;
  return initializer !== undefined && ts.isCallExpression(initializer) && ts.isIdentifier(initializer.expression);
}

function initializerOf(name: ts.Identifier): ts.Expression | undefined {
  let found: ts.Expression | undefined;
  walk(name.getSourceFile(), (node) => {
    if (ts.isVariableDeclaration(node) && ts.isIdentifier(node.name) && node.name.text === name.text) found = node.initializer;
  });
  return found;
}

function parameterIndex(parameters: readonly ts.ParameterDeclaration[], value: ts.Expression | undefined): number {
  return value && ts.isIdentifier(value) ? parameters.findIndex(({ name }) => ts.isIdentifier(name) && name.text === value.text) : -1;
}

interface Owner {
  readonly name: string | undefined;
  readonly reach: Maker['reach'];
  readonly parameters: readonly ts.ParameterDeclaration[];
}

function enclosingFunction(node: ts.Node): Owner | undefined {
  for (let at: ts.Node | undefined = node.parent; at !== undefined; at = at.parent) {
    if (!ts.isFunctionLike(at)) continue;
    const holder = ts.isVariableDeclaration(at.parent) ? at.parent : at;
    const name = holder.name && ts.isIdentifier(holder.name) ? holder.name.text : undefined;
    const declaration = ts.isVariableDeclaration(holder) ? holder.parent.parent : holder;
    const exported =
      ts.canHaveModifiers(declaration) && ts.getModifiers(declaration)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) === true;
    return { name, reach: ts.isMethodDeclaration(at) ? 'everywhere' : exported ? 'imports' : 'file', parameters: at.parameters };
  }
  return undefined;
}

/** Asks the control for a part of the violation. */
function controlled(file: ts.SourceFile, part: ts.Expression, name: 'field' | 'description', id: string): Edit {
  const shorthand = ts.isShorthandPropertyAssignment(part.parent) ? `${name}: ` : '';
  return {
    start: part.getStart(file),
    end: part.end,
    text: (source) => `${shorthand}globalThis.${controlName}.part(${JSON.stringify(id)}, ${source})`,
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
