/**
 * What a source file imports, read from its syntax tree.
 */
import ts from 'typescript'

/** One import of a file. */
export interface Import {
  /** As written: `./x.ts`, `tutti/ports`, `node:fs`. */
  readonly specifier: string
  /** `type`: gone at run time; `dynamic`: `import()`; else `static`. */
  readonly kind: 'static' | 'type' | 'dynamic'
}

/** All imports of a file, in order: declarations, re-exports, `import()` calls and `import('…')` types. */
export function importsOf(path: string, text: string): Import[] {
  const imports: Import[] = []
  const add = (node: ts.Node | undefined, kind: Import['kind']): void => {
    if (node !== undefined && ts.isStringLiteralLike(node)) imports.push({ specifier: node.text, kind })
  }
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) {
      add(node.moduleSpecifier, node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword ? 'type' : 'static')
    } else if (ts.isExportDeclaration(node)) {
      add(node.moduleSpecifier, node.isTypeOnly ? 'type' : 'static')
    } else if (ts.isImportTypeNode(node)) {
      if (ts.isLiteralTypeNode(node.argument)) add(node.argument.literal, 'type')
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      add(node.arguments[0], 'dynamic')
    }
    ts.forEachChild(node, visit)
  }
  visit(parse(path, text))
  return imports
}

/** Parses a TypeScript or JavaScript file. */
export function parse(path: string, text: string): ts.SourceFile {
  return ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
}
