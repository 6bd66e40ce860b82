import ts from 'typescript';

/** A module that a file names. */
export interface Import {
  readonly specifier: string;
  readonly line: number;
  /** The names that it takes of the module; absent where it takes the module whole. */
  readonly names?: readonly string[];
  /** Whether only types are meant, so that nothing of it is left at run time. */
  readonly isType: boolean;
}

/** What a source file reaches for. */
export interface SourceFile {
  /** Every module that it names: imports, re-exports, `import()`, `require()`, and types by `import('...')`. */
  readonly imports: readonly Import[];
  /** Lines where it loads a module whose name no tool can know: `import(name)`, `createRequire`, `getBuiltinModule`. */
  readonly hiddenImports: readonly number[];
  /** Lines where it uses the global `process`. */
  readonly processUses: readonly number[];
}

function moduleSpecifier(node: ts.Node): ts.Node | undefined {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return node.moduleSpecifier;
  if (ts.isExternalModuleReference(node)) return node.expression;
  if (ts.isImportTypeNode(node)) return ts.isLiteralTypeNode(node.argument) ? node.argument.literal : node.argument;
  if (ts.isCallExpression(node) && (node.expression.kind === ts.SyntaxKind.ImportKeyword || isNamed(node.expression, 'require')))
    return node.arguments[0] ?? node;
  return undefined;
}

function isNamed(node: ts.Node, name: string): boolean {
  return ts.isIdentifier(node) && node.text === name;
}

/** The names of `import { a, type B } from`, and whether all are types. */
function importedNames(node: ts.Node): Pick<Import, 'names' | 'isType'> {
  if (ts.isImportTypeNode(node)) return { isType: true };
  if (!ts.isImportDeclaration(node) && !ts.isExportDeclaration(node)) return { isType: false };
  const clause = ts.isImportDeclaration(node) ? node.importClause : node;
  if (clause === undefined) return { isType: false };
  const bindings = ts.isExportDeclaration(clause) ? clause.exportClause : clause.namedBindings;
  const wholeIsType = ts.isExportDeclaration(clause) ? clause.isTypeOnly : clause.phaseModifier === ts.SyntaxKind.TypeKeyword;
  const hasDefault = ts.isImportClause(clause) && clause.name !== undefined;
  if (bindings === undefined || hasDefault || !(ts.isNamedImports(bindings) || ts.isNamedExports(bindings))) return { isType: wholeIsType };
  const elements: readonly (ts.ImportSpecifier | ts.ExportSpecifier)[] = [...bindings.elements];
  return {
    isType: wholeIsType || elements.every((element) => element.isTypeOnly),
    names: elements.map((element) => (element.propertyName ?? element.name).text),
  };
}

/** Reads what a source file reaches for, from its syntax; comments and strings do not count. */
export function readSource(path: string, text: string): SourceFile {
  const file = ts.createSourceFile(path, text, {
    languageVersion: ts.ScriptTarget.Latest,
    jsDocParsingMode: ts.JSDocParsingMode.ParseNone,
  });
  const imports: Import[] = [];
  const hiddenImports: number[] = [];
  const processUses: number[] = [];
  let declaresProcess = false;
  const lineOf = (node: ts.Node): number => file.getLineAndCharacterOfPosition(node.getStart(file)).line + 1;

  const visit = (node: ts.Node): void => {
    const specifier = moduleSpecifier(node);
    if (specifier !== undefined) {
      if (ts.isStringLiteralLike(specifier)) imports.push({ specifier: specifier.text, line: lineOf(node), ...importedNames(node) });
      else hiddenImports.push(lineOf(node));
    }
    if (isNamed(node, 'createRequire') || isNamed(node, 'getBuiltinModule')) hiddenImports.push(lineOf(node));
    if ((ts.isParameter(node) || ts.isVariableDeclaration(node)) && isNamed(node.name, 'process')) declaresProcess = true;
    if (ts.isPropertyAccessExpression(node) && isNamed(node.expression, 'process')) processUses.push(lineOf(node));
    if (ts.isPropertyAccessExpression(node) && isNamed(node.expression, 'globalThis') && node.name.text === 'process')
      processUses.push(lineOf(node));
    ts.forEachChild(node, visit);
  };
  visit(file);
  return { imports, hiddenImports, processUses: declaresProcess ? [] : processUses };
}
