/**
 * Lint of the English: the words and phrases that STYLE.md bans, in every comment, string literal, JSX text, SQL file
 * and Markdown page of the repository; and the names of types and exports. Source files are read as syntax trees, so
 * that an identifier is never taken for prose. A failure names file, line and phrase, one directory a test.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parseAst } from 'vitest/node'

const ROOT = join(import.meta.dirname, '..')
const SELF = 'tests/vocabulary.test.ts'

/** Each phrase with a sentence that contains it; the self-test searches for the sentence. */
const BANNED: readonly (readonly [phrase: RegExp, example: string])[] = [
  [/\b(?:whoever|whomever|whosoever)\b/, 'for whoever has it'],
  [/\b(?:somebody|someone|nobody)(?:['’]s)?\b/, 'a name of somebody else'],
  [/\bnobody\b/, 'nobody may read it'],
  [/\bwhatever\b/, 'whatever it contains'],
  [/\banew\b/, 'it starts anew'],
  [/\b(?:is|are|was|were|be|been|being) (?:never |not |then )?told\b/, 'the caller is told why'],
  [/\b(?:is|are|was|were|be|been|being) (?:never |not |then )?asked\b/, 'the server was asked'],
  [/\bof (?:its|his|her|their|one['’]s) own\b/, 'a connection of its own'],
  [/\bgood for\b/, 'a link good for one hour'],
  [/\b(?:go|goes|going|gone|went) on\b/, 'the work goes on'],
  [/\bturn(?:s|ed|ing)? away\b/, 'the request is turned away'],
  [/\b(?:stand|stands|stood|standing)\b/, 'the header stands first'],
  [/\b(?:in|of) the house\b/, 'the rules of the house'],
  [/\b(?:it|that) says so\b/, 'where it says so'],
]

/** Quotations and technical terms that contain a banned phrase, with the reason. */
const ALLOWED: readonly { file: string; phrase: string; reason: string }[] = [
  { file: 'tests/setup/cluster.ts', phrase: 'nobody', reason: 'the name of a system account' },
]

interface Node {
  type: string
  start: number
  end: number
  [member: string]: unknown
}

const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && typeof (value as Node).type === 'string'

function* everyNode(value: unknown): Generator<Node> {
  if (Array.isArray(value)) for (const member of value) yield* everyNode(member)
  else if (isNode(value)) {
    yield value
    for (const name in value) yield* everyNode(value[name])
  }
}

const treeOf = (file: string, text: string): Node =>
  parseAst(text, { lang: file.endsWith('x') ? 'tsx' : 'ts', astType: 'ts' }, file) as unknown as Node

const isLiteral = ({ type, value }: Node): boolean =>
  type === 'TemplateElement' || type === 'JSXText' || (type === 'Literal' && typeof value === 'string')
const isPattern = ({ type, regex }: Node): boolean => type === 'Literal' && regex !== undefined

/** What keeps two pieces of prose apart: no phrase reaches across code. */
const CODE = '\0'

/**
 * The prose of a source file: its text at the same offsets, with code replaced by {@link CODE} and the marks of
 * comments by spaces, so that a phrase is found across the lines of a comment.
 */
function proseOf(file: string, text: string): string {
  const prose: string[] = Array.from(text.split(''), (letter) => (/\s/.test(letter) ? letter : CODE))
  const code = text.split('')
  const keep = (from: number, to: number, marks?: RegExp): void => {
    const kept = text.slice(from, to)
    const plain = marks === undefined ? kept : kept.replace(marks, (mark) => ' '.repeat(mark.length))
    for (let i = from; i < to; i++) prose[i] = plain[i - from] ?? ' '
  }
  for (const node of everyNode(treeOf(file, text))) {
    if (!isLiteral(node) && !isPattern(node)) continue
    // an escaped line break is two characters of white space
    if (isLiteral(node)) keep(node.start, node.end, /\\[nrt]/g)
    code.fill(' ', node.start, node.end)
  }
  for (const { index, 0: comment } of code.join('').matchAll(/\/\/.*|\/\*[\s\S]*?\*\//g))
    keep(index, index + comment.length, /^\/[/*]+|\*\/$|(?<=\n)\s*\*(?!\/)/g)
  return prose.join('')
}

/** @returns `line phrase` of each banned phrase of a file's prose */
function bannedIn(file: string, text: string): string[] {
  const isSource = /\.[cm]?[jt]sx?$/.test(file)
  const marks = file.endsWith('.sql') ? /--/g : /^[>|#*-]+|(?<=\n)\s*[>#*-]+/g
  const prose = isSource ? proseOf(file, text) : text.replace(marks, (mark) => mark.replace(/\S/g, ' '))
  return BANNED.flatMap(([phrase]) => {
    const found = prose.matchAll(new RegExp(phrase.source.replaceAll(' ', '\\s+'), 'gi'))
    return [...found].map(({ index, 0: words }) => ({ index, words: words.replace(/\s+/g, ' ') }))
  })
    .filter(({ words }) => !ALLOWED.some((one) => one.file === file && one.phrase === words.toLowerCase()))
    .sort((a, b) => a.index - b.index)
    .map(({ index, words }) => `${text.slice(0, index).split('\n').length} ${words}`)
}

const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z'], {
  cwd: ROOT,
  encoding: 'utf8',
})
  .split('\0')
  .filter((file) => /\.(?:[cm]?[jt]sx?|sql|md|html|json)$/.test(file))
  .filter((file) => file !== SELF && !/(?:package-lock|\/results\/.*)\.json$/.test(file))
  // an applied migration is never edited, comments included: its checksum is stored in every database
  .filter((file) => !/\/migrations\/000[1-9]_/.test(file))
  .sort()

/** A package's `src` is listed by its modules; everything else by its first two folders. */
function directoryOf(file: string): string {
  const parts = file.split('/').slice(0, -1)
  return parts.slice(0, parts[2] === 'src' ? 5 : 2).join('/') || '(root)'
}

const directories = [...new Set(files.map(directoryOf))].map(
  (directory) => [directory, files.filter((file) => directoryOf(file) === directory)] as const,
)

describe('no banned word is used in', () => {
  it.each(directories)('%s', (_, members) => {
    const found = members.flatMap((file) =>
      bannedIn(file, readFileSync(join(ROOT, file), 'utf8')).map((line) => `${file}:${line}`),
    )
    expect(found).toEqual([])
  })
})

describe('the search for banned words', () => {
  const wrapped = (sentence: string, mark: string): string => sentence.replaceAll(' ', `\n${mark}`)

  describe.each(BANNED.map(([, sentence]) => ({ sentence })))('finds "$sentence"', ({ sentence }) => {
    it.each([
      ['a line comment', 'a.ts', `const a = 1 // ${sentence}\n`],
      ['a block comment', 'a.ts', `/** Here ${sentence}. */\nconst a = 1\n`],
      ['a comment of several lines', 'a.ts', `/**\n * Here ${wrapped(sentence, ' * ')}.\n */\nconst a = 1\n`],
      ['line comments below each other', 'a.ts', `  // ${wrapped(sentence, '  // ')}\nconst a = 1\n`],
      ['a string', 'a.ts', `throw new Error('Here ${sentence.replaceAll("'", "\\'")}.')\n`],
      ['a log line', 'a.ts', `log.info(\`\${count}: ${sentence}, \${name}\`)\n`],
      ['the text of an element', 'a.tsx', `const view = <p>Here ${sentence}, {name}</p>\n`],
      ['an attribute', 'a.tsx', `const view = <p title="${sentence}" />\n`],
      ['a paragraph of Markdown', 'a.md', `# Title\n\nA paragraph where ${wrapped(sentence, '')}.\n`],
      ['a list of Markdown', 'a.md', `- Here ${wrapped(sentence, '  ')}.\n`],
      ['a comment of SQL', 'a.sql', `-- here ${wrapped(sentence, '-- ')}\nselect 1;\n`],
    ])('in %s', (_, file, text) => {
      expect(bannedIn(file, text)).not.toEqual([])
    })
  })

  it('names the line and the phrase', () => {
    expect(bannedIn('a.ts', "const a = 1\n\n// first\n// it is\n// told\nlog('anew')\n")).toEqual([
      '4 is told',
      '6 anew',
    ])
  })

  it('takes no code for prose', () => {
    const code = 'const whoever = stands.anew(/nobody/)\nconst { someone } = whatever // its own\n'
    expect(bannedIn('a.ts', code)).toEqual([])
    expect(bannedIn('a.tsx', "const a = <Stands whoever={'x'}>{'is'}{'told'}</Stands>\n")).toEqual([])
  })

  it('takes no part of a word for the word', () => {
    expect(bannedIn('a.md', 'It understands a longstanding, canewood-coloured bystander.')).toEqual([])
  })

  it('allows only what is still there', () => {
    for (const { file, phrase, reason } of ALLOWED) {
      expect(reason, file).not.toBe('')
      expect(readFileSync(join(ROOT, file), 'utf8').toLowerCase(), file).toContain(phrase)
    }
  })
})

describe('names', () => {
  /** Participles and everyday words that name no concept. */
  const NO_TYPE_NAMES =
    /^(?:Said|Told|Held|Means|House|Asked|Tried|Taken|Shown|Switched|Advanced|Given|Wish|Way|Got|Kept|Known|Offered|Answered|Vouched|Issued|Exchanged|Minted)$/
  /** Exported names that several files use for the same thing, with the reason. */
  const SHARED_NAMES: Readonly<Record<string, string>> = {}

  const sources = files
    .filter((file) => /^packages\/[^/]+\/src\/.*\.tsx?$/.test(file))
    .map((file) => {
      const text = readFileSync(join(ROOT, file), 'utf8')
      const tree = treeOf(file, text)
      return { file, tree, lineOf: (node: Node) => text.slice(0, node.start).split('\n').length }
    })
  const isOfTests = (file: string): boolean => /\.test\.tsx?$|\/testing\/|\/testing\.tsx?$/.test(file)
  const nameOf = (node: unknown): string => (isNode(node) ? String((node.id as Node | null)?.name) : '')

  it('of types are nouns, not participles', () => {
    const wrong = sources.flatMap(({ file, tree, lineOf }) =>
      [...everyNode(tree)]
        .filter(({ type }) =>
          ['TSInterfaceDeclaration', 'TSTypeAliasDeclaration', 'ClassDeclaration'].includes(type),
        )
        .filter((node) => NO_TYPE_NAMES.test(nameOf(node)))
        .map((node) => `${file}:${lineOf(node)} ${nameOf(node)}`),
    )
    expect(wrong).toEqual([])
  })

  /** The functions, classes and types that a file declares and exports. */
  function exportsOf(tree: Node): string[] {
    return (tree.body as Node[])
      .filter(({ type }) => type === 'ExportNamedDeclaration')
      .flatMap(({ declaration }) => {
        if (!isNode(declaration)) return []
        if (declaration.type !== 'VariableDeclaration') return [nameOf(declaration)]
        return (declaration.declarations as (Node & { id: Node; init: Node | null })[])
          .filter(({ init }) => /^(?:Arrow)?FunctionExpression$/.test(init?.type ?? ''))
          .map(nameOf)
      })
  }

  it('that the server exports have one meaning each', () => {
    const places = new Map<string, Set<string>>()
    for (const { file, tree } of sources) {
      if (isOfTests(file) || !file.startsWith('packages/server/src/')) continue
      for (const name of exportsOf(tree)) places.set(name, (places.get(name) ?? new Set()).add(file))
    }
    const repeated = [...places]
      .filter(([name, where]) => where.size > 1 && !(name in SHARED_NAMES))
      .map(([name, where]) => `${name}: ${[...where].join(', ')}`)
    expect(repeated.sort()).toEqual([])
    expect(Object.keys(SHARED_NAMES).filter((name) => (places.get(name)?.size ?? 0) < 2)).toEqual([])
  })
})
