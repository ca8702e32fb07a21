/**
 * The examples of the documentation: every `ts` and `tsx` block of a page, made into one module that TypeScript can check.
 * A `tsx` block in a source's comment is a sketch, and is not looked at.
 *
 * A page is read from top to bottom: a block sees what the blocks above it have declared, and may declare a name again.
 */
import ts from 'typescript'

/** One fenced block of TypeScript. */
interface Block {
  readonly lines: readonly string[]
  /** The page's line, from 1, of the block's first. */
  readonly from: number
  readonly isJsx: boolean
}

/** A module, and for each of its lines the page's line that it comes from; 0 for what the page does not say. */
export interface ExampleModule {
  readonly text: string
  readonly lineOf: readonly number[]
  /** It is a `tsx` module, because one of its blocks is. */
  readonly isJsx: boolean
}

/** One complaint about an example. */
export interface Complaint {
  readonly page: string
  /** From 1. */
  readonly line: number
  readonly message: string
}

/** The module of a page, or null if it has no examples. In a source file, examples stand in comments. */
export function exampleModule(page: string, text: string): ExampleModule | null {
  const all = blocksOf(page.endsWith('.ts') ? text.replace(/^ *\*(?: |$)/gm, '') : text)
  const blocks = all.filter((block) => !(block.isJsx && page.endsWith('.ts')))
  if (blocks.length === 0) return null
  const isJsx = blocks.some((block) => block.isJsx)
  const imports = new Map<string, number>()
  const body: [string, number][] = []
  for (const { lines, from } of blocks) {
    // What a block declares ends with the page, not with the block.
    body.push(['{', 0])
    const rest = takeImports(lines, isJsx, (line, at) => imports.set(line, imports.get(line) ?? from + at))
    rest.forEach((line, at) => {
      body.push([line, from + at])
    })
  }
  const whole: (readonly [string, number])[] = [...imports, ...body, ['}'.repeat(blocks.length), 0]]
  return { text: whole.map(([line]) => `${line}\n`).join(''), lineOf: whole.map(([, line]) => line), isJsx }
}

function blocksOf(text: string): Block[] {
  const blocks: Block[] = []
  let open: { readonly lines: string[]; readonly from: number; readonly isJsx: boolean } | null = null
  text.split('\n').forEach((line, index) => {
    if (open !== null && /^\s*```\s*$/.test(line)) {
      blocks.push(open)
      open = null
    } else if (open !== null) open.lines.push(line)
    else if (/^\s*```(?:tsx?|typescript)\s*$/.test(line)) {
      open = { lines: [], from: index + 2, isJsx: line.trim().endsWith('x') }
    }
  })
  return blocks
}

/** Hands the block's imports over, one name each, and gives its lines without them and without `export`. */
function takeImports(lines: readonly string[], isJsx: boolean, take: (line: string, at: number) => void): string[] {
  const source = ts.createSourceFile(
    isJsx ? 'example.tsx' : 'example.ts',
    lines.join('\n'),
    ts.ScriptTarget.Latest,
    true,
  )
  const rest = [...lines]
  for (const statement of source.statements) {
    const first = source.getLineAndCharacterOfPosition(statement.getStart()).line
    if (!ts.isImportDeclaration(statement)) {
      rest[first] = rest[first]?.replace(/^(\s*)export (?!default)/, '$1') ?? ''
      continue
    }
    const { line: last } = source.getLineAndCharacterOfPosition(statement.getEnd())
    for (let at = first; at <= last; at += 1) rest[at] = ''
    const names = statement.importClause?.namedBindings
    if (names === undefined || !ts.isNamedImports(names)) take(statement.getText(), first)
    else
      for (const name of names.elements)
        take(`import { ${name.getText()} } from ${statement.moduleSpecifier.getText()}`, first)
  }
  return rest
}

/** Type-checks the pages' modules as files of a folder, where `tutti` means this package's sources. */
export function checkExamples(folder: string, modules: ReadonlyMap<string, ExampleModule>): Complaint[] {
  const options: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2024,
    module: ts.ModuleKind.NodeNext,
    moduleDetection: ts.ModuleDetectionKind.Force,
    lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts'],
    types: [],
    jsx: ts.JsxEmit.ReactJSX,
    customConditions: ['tutti-source'],
    strict: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    allowImportingTsExtensions: true,
    skipLibCheck: true,
    noEmit: true,
  }
  const pages = new Map(
    [...modules].map(([page, module], i) => [
      `${folder}/example-${i}.${module.isJsx ? 'tsx' : 'ts'}`,
      { page, module },
    ]),
  )
  const host = ts.createCompilerHost(options)
  const { fileExists, readFile, getSourceFile } = host
  host.fileExists = (file) => pages.has(file) || fileExists(file)
  host.readFile = (file) => pages.get(file)?.module.text ?? readFile(file)
  host.getSourceFile = (file, version) => {
    const text = pages.get(file)?.module.text
    return text === undefined ? getSourceFile(file, version) : ts.createSourceFile(file, text, version)
  }
  const program = ts.createProgram([...pages.keys()], options, host)
  return ts.getPreEmitDiagnostics(program).map(({ file, start, messageText }) => {
    const found = file === undefined ? undefined : pages.get(file.fileName)
    const line = file?.getLineAndCharacterOfPosition(start ?? 0).line ?? 0
    const message = ts.flattenDiagnosticMessageText(messageText, ' ')
    if (found === undefined) return { page: file?.fileName ?? '', line: line + 1, message }
    return { page: found.page, line: found.module.lineOf[line] ?? 0, message }
  })
}
