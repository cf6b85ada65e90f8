/**
 * Architecture tests: the order of imports, no cycles, doors of at most fifteen names, and the single files that may
 * read the time or the environment, open connections, or write answers. They work on syntax trees, so that type
 * imports, re-exports, dynamic imports and `import('…')` types count like any other.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parseAst } from 'vitest/node'

const ROOT = join(import.meta.dirname, '..')
const SERVER = 'packages/server/src/'

/** The order of imports: each may use itself and those before it. `accounts` and `protocols` do not use each other. */
const ORDER =
  'config ← base ← core ← identity ← access ← organizations ← signin ← accounts, protocols ← oidc ← app ← commands ← main'
const LAYERS = ORDER.split(' ← ').map((names) => names.split(', '))
/** How many names a door may export. */
const WIDEST_DOOR = 15

/** The guard is a separate library, with one clock, one file that connects, and adapters that answer for an app. */
const GUARD = 'packages/guard/src/'
/** Pure functions that decide permissions, shared by server and guard. */
const DECISIONS = new Set([
  'can',
  'effectivePermissions',
  'withInherited',
  'RoleDefinition',
  'RoleDefinitions',
])
const CLOCKS = new Set(['packages/server/src/base/clock.ts', `${GUARD}clock.ts`])

/** Packages that can open a connection, and the files that may use them. */
const CONNECTING =
  /^(?:node:)?(?:net|tls|http|https|http2|dgram|dns|dns\/promises)$|^(?:undici|nodemailer|ioredis|redis|ws|axios|got)(?:\/|$)/
const MAY_CONNECT: Readonly<Record<string, string>> = {
  'base/outbound/': 'all outbound connections',
  'base/control/index.ts': 'the control socket, a local file',
  'commands/doctor.ts': 'checks whether the port of the server is free or answers',
}
/** Imports that open no connection: types, and pure functions of those packages. */
const HARMLESS = new Set(['isIP', 'isIPv4', 'isIPv6', 'STATUS_CODES', 'METHODS', 'createServer'])

interface Node {
  type: string
  start: number
  [member: string]: unknown
}

interface Import {
  /** The file or package that is imported. */
  target: string
  names: readonly string[]
  typeOnly: boolean
  line: number
}

interface Source {
  path: string
  text: string
  nodes: readonly Node[]
  imports: readonly Import[]
  lineOf(node: Node): number
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

/** `a.b.c` as text, for identifiers and their members; null for anything computed. */
function dotted(node: unknown): string | null {
  if (!isNode(node)) return null
  if (node.type === 'Identifier') return String(node.name)
  if (node.type === 'ThisExpression') return 'this'
  if (node.type === 'ChainExpression') return dotted(node.expression)
  if (node.type === 'TSNonNullExpression' || node.type === 'TSAsExpression') return dotted(node.expression)
  if (node.type === 'MetaProperty') return `${dotted(node.meta)}.${dotted(node.property)}`
  if (node.type === 'PrivateIdentifier') return `#${String(node.name)}`
  if (node.type !== 'MemberExpression') return null
  const property = node.computed ? textOf(node.property) : dotted(node.property)
  return property === null ? null : `${dotted(node.object) ?? '?'}.${property}`
}

const textOf = (node: unknown): string | null =>
  isNode(node) && node.type === 'Literal' && typeof node.value === 'string' ? node.value : null

const IMPORTING = new Set([
  'ImportDeclaration',
  'ExportNamedDeclaration',
  'ExportAllDeclaration',
  'ImportExpression',
  'TSImportType',
  'TSExternalModuleReference',
])

function importOf(path: string, node: Node, line: number): Import | null {
  const called =
    node.type === 'CallExpression' &&
    /^(?:require|.*\.mock|.*\.importActual)$/.test(dotted(node.callee) ?? '')
  if (!IMPORTING.has(node.type) && !called) return null
  const from = textOf(
    called ? (node.arguments as Node[])[0] : (node.source ?? node.expression ?? node.argument),
  )
  if (from === null) {
    if (node.type === 'ExportNamedDeclaration' || called) return null
    throw new Error(`${path}:${line} imports a computed path`)
  }
  const specifiers = (node.specifiers ?? []) as Node[]
  const names = specifiers.map((s) => dotted(s.imported ?? s.local) ?? textOf(s.imported) ?? '*')
  const typeOnly =
    node.type === 'TSImportType' ||
    node.importKind === 'type' ||
    node.exportKind === 'type' ||
    (specifiers.length > 0 && specifiers.every((s) => s.importKind === 'type' || s.exportKind === 'type'))
  const values = specifiers.filter((s) => s.importKind !== 'type').map((s) => s.type)
  const target = from.startsWith('.') ? posix.join(posix.dirname(path), from) : from
  const whole = values.includes('ImportNamespaceSpecifier') || specifiers.length === 0
  return { target, names: whole ? ['*'] : names, typeOnly, line }
}

function readSource(path: string): Source {
  const text = readFileSync(join(ROOT, path), 'utf8')
  const tree = parseAst(text, { lang: path.endsWith('x') ? 'tsx' : 'ts', astType: 'ts' }, path)
  const nodes = [...everyNode(tree)]
  const lineOf = (node: Node): number => text.slice(0, node.start).split('\n').length
  const imports = nodes.flatMap((node) => importOf(path, node, lineOf(node)) ?? [])
  return { path, text, nodes, imports, lineOf }
}

const listed = readdirSync(join(ROOT, 'packages'), { recursive: true, encoding: 'utf8' })
const all = listed
  .map((file) => `packages/${file.replaceAll('\\', '/')}`)
  .filter((file) => /^packages\/[^/]+\/src\/.*\.tsx?$/.test(file))
  .sort()
/** Tests and their helpers, which may import from every module. */
const isOfTests = (path: string): boolean => /\.test\.tsx?$|\/testing\/|\/testing\.tsx?$/.test(path)
const sources = all.filter((path) => !isOfTests(path)).map(readSource)
const server = sources.filter(({ path }) => path.startsWith(SERVER))

const inServer = (path: string): string => path.slice(SERVER.length)

/** The wing and the module of a feature's file: `signin/door`; null outside of features. */
const moduleOf = (path: string): string | null =>
  /^packages\/server\/src\/features\/([^/]+\/[^/]+)\//.exec(path)?.[1] ?? null

/** The layer of a file in ORDER. @throws if it has none */
function layerOf(path: string): { name: string; at: number } {
  const [first = '', wing = ''] = inServer(path).split('/')
  const name = first === 'features' ? wing : first.replace(/\.ts$/, '')
  const at = LAYERS.findIndex((names) => names.includes(name))
  if (at === -1) throw new Error(`${path} belongs to no layer of ORDER`)
  return { name, at }
}

/** The doors: index.ts of the modules of features, and of folders of base and core. */
const doors = server.filter(({ path }) => path.endsWith('/index.ts') && !path.includes('/commands/'))

/** Cycles of a graph, each once, as `a → b → a`. */
function cyclesOf(edges: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  const found: string[] = []
  const done = new Set<string>()
  const visit = (node: string, trail: readonly string[]): void => {
    const at = trail.indexOf(node)
    if (at !== -1) found.push([...trail.slice(at), node].join(' → '))
    if (at !== -1 || done.has(node)) return
    for (const next of edges.get(node) ?? []) visit(next, [...trail, node])
    done.add(node)
  }
  for (const node of edges.keys()) visit(node, [])
  return found
}

function graphOf(nameOf: (path: string) => string | null): Map<string, Set<string>> {
  const edges = new Map<string, Set<string>>()
  for (const { path, imports } of sources)
    for (const { target } of imports) {
      const [from, to] = [nameOf(path), target.startsWith('packages/') ? nameOf(target) : null]
      if (from !== null && to !== null && from !== to) edges.set(from, (edges.get(from) ?? new Set()).add(to))
    }
  return edges
}

/** Every matching import, as `file:line imports what`, for the message of a failure. */
function importsThat(wrong: (source: Source, used: Import) => boolean, among = sources): string[] {
  return among.flatMap((source) =>
    source.imports
      .filter((used) => wrong(source, used))
      .map(({ line, target, names }) => `${source.path}:${line} imports ${names.join(', ')} of ${target}`),
  )
}

/** The names that a file exports; `*` for an export that names none. */
const exportedBy = ({ nodes }: Source): string[] =>
  nodes.flatMap((node): string[] => {
    if (node.type === 'ExportAllDeclaration') return ['*']
    if (node.type !== 'ExportNamedDeclaration') return []
    const specifiers = (node.specifiers as Node[]).map((one) => dotted(one.exported) ?? '*')
    const { declaration } = node
    if (!isNode(declaration)) return specifiers
    const declared = (declaration.declarations as Node[] | undefined) ?? [declaration]
    return [...specifiers, ...declared.map(({ id }) => dotted(id) ?? '*')]
  })

function nodesThat(wrong: (source: Source, node: Node) => boolean, among = sources): string[] {
  return among.flatMap((source) =>
    source.nodes
      .filter((node) => wrong(source, node))
      .map(
        (node) =>
          `${source.path}:${source.lineOf(node)} ${source.text.slice(node.start, node.start + 60).split('\n', 1)[0]}`,
      ),
  )
}

describe('imports', () => {
  it('are found in every syntax', () => {
    const statements = [
      "import { a } from './x.ts'",
      "import type { A } from './x.ts'",
      "import './x.ts'",
      "export * from './x.ts'",
      "export { type A } from './x.ts'",
      "const a = await import('./x.ts')",
      "let a: import('./x.ts').A",
      "import a = require('./x.ts')",
      "const a = require('./x.ts')",
    ]
    for (const statement of statements) {
      const nodes = [...everyNode(parseAst(statement, { lang: 'ts', astType: 'ts' }))]
      expect(nodes.map((node) => importOf('module/y.ts', node, 1)?.target).find(Boolean), statement).toBe(
        'module/x.ts',
      )
    }
  })

  it(`follow the order ${ORDER}`, () => {
    const wrong = importsThat(({ path }, { target, typeOnly }) => {
      if (!target.startsWith(SERVER)) return false
      const [from, to] = [layerOf(path), layerOf(target)]
      // settings may use pure rules of base (durations, styles), and nothing else
      if (from.name === 'config' && to.name === 'base')
        return !typeOnly && !/base\/(?:clock|call)\.ts$/.test(target)
      return to.at > from.at || (to.at === from.at && to.name !== from.name)
    }, server)
    expect(wrong).toEqual([])
  })

  it('form no cycle of files', () => {
    expect(cyclesOf(graphOf((path) => path))).toEqual([])
  })

  it('form no cycle of modules', () => {
    expect(cyclesOf(graphOf(moduleOf))).toEqual([])
  })

  it('with a cycle are detected', () => {
    const edges = new Map([
      ['a', new Set(['b'])],
      ['b', new Set(['c', 'd'])],
      ['c', new Set(['a'])],
      ['d', new Set<string>()],
    ])
    expect(cyclesOf(edges)).toEqual(['a → b → c → a'])
  })

  it('of main.ts are only the commands', () => {
    const main = server.find(({ path }) => path === `${SERVER}main.ts`)
    expect(main?.imports.filter(({ target }) => layerOf(target).name !== 'commands')).toEqual([])
  })

  it('of another package are by its name', () => {
    const packageOf = (path: string) => path.split('/').slice(0, 2).join('/')
    const wrong = importsThat(
      ({ path }, { target }) => target.startsWith('packages/') && packageOf(path) !== packageOf(target),
    )
    expect(wrong).toEqual([])
  })

  it('in the guard are its own files, jose and node, not the server', () => {
    const guard = sources.filter(({ path }) => path.startsWith('packages/guard/'))
    expect(guard.length).toBeGreaterThan(0)
    const wrong = importsThat(
      (_, { target }) => !/^(?:packages\/guard\/src\/|node:|jose$)/.test(target),
      guard,
    )
    expect(wrong).toEqual([])
  })

  it('of the guard are free in features, and limited to its decisions in base and core', () => {
    const wrong = importsThat(
      ({ path }, { target, names }) =>
        target.startsWith('@latchkey/guard') &&
        moduleOf(path) === null &&
        !(/\/src\/(?:base|core)\//.test(path) && names.every((name) => DECISIONS.has(name))),
    )
    expect(wrong).toEqual([])
  })

  it('of test helpers are only in tests', () => {
    expect(importsThat((_, { target }) => isOfTests(target))).toEqual([])
  })

  it('of a module go through its door', () => {
    const wrong = importsThat(({ path }, { target }) => {
      const module = moduleOf(target)
      return module !== null && module !== moduleOf(path) && target !== `${SERVER}features/${module}/index.ts`
    })
    expect(wrong).toEqual([])
  })

  it('within a module are direct, not through the door', () => {
    const wrong = importsThat(({ path }, { target }) => {
      const module = moduleOf(path)
      return module !== null && target === `${SERVER}features/${module}/index.ts`
    })
    expect(wrong).toEqual([])
  })
})

describe('doors', () => {
  it('exist for every module of a feature', () => {
    const modules = [...new Set(server.flatMap(({ path }) => moduleOf(path) ?? []))]
    expect(modules.length).toBeGreaterThan(15)
    expect(modules.filter((module) => !all.includes(`${SERVER}features/${module}/index.ts`))).toEqual([])
  })

  it(`export at most ${WIDEST_DOOR} names, which are used outside`, () => {
    const wide = doors
      .map((door) => ({ path: inServer(door.path), names: exportedBy(door) }))
      .filter(({ names }) => names.length > WIDEST_DOOR || names.includes('*'))
    expect(wide).toEqual([])
  })
})

describe('base', () => {
  it('owns no table except that of migrations: no statement in it names another', () => {
    const STATEMENT = /\.(?:selectFrom|insertInto|updateTable|deleteFrom|mergeInto)$/
    const TABLE = /\b(?:from|join|into|update|table)\s+(?:only\s+)?latchkey\.(?!migrations\b)\w+/i
    const wrong = nodesThat(({ path }, node) => {
      if (!path.startsWith(`${SERVER}base/`)) return false
      if (node.type === 'CallExpression') return STATEMENT.test(dotted(node.callee) ?? '')
      const text = node.type === 'TemplateElement' ? (node.value as { raw: string }).raw : textOf(node)
      return text !== null && TABLE.test(text)
    })
    expect(wrong).toEqual([])
  })
})

describe('one door, one clock, one environment', () => {
  it('only the dispatcher of sign-ins starts sessions', () => {
    const SESSIONS = 'identity/sessions'
    const imported = importsThat(
      ({ path }, { target, names }) =>
        moduleOf(path) !== SESSIONS && names.includes('*') && moduleOf(target) === SESSIONS,
    )
    expect(imported).toEqual([])
    const starts = server.filter(
      ({ path, imports }) =>
        moduleOf(path) !== SESSIONS && imports.some(({ names }) => names.includes('startSession')),
    )
    expect(starts.map(({ path }) => inServer(path))).toEqual(['features/signin/door/advance.ts'])
    // only registration may sign in without a counted guess
    const unguessed = server.filter(
      ({ path, imports }) =>
        moduleOf(path) !== 'signin/door' && imports.some(({ names }) => names.includes('signInNewUser')),
    )
    expect([...new Set(unguessed.map(({ path }) => moduleOf(path)))]).toEqual(['accounts/registration'])
    // no other module inserts the row itself
    const inserts = nodesThat(
      ({ path }, node) =>
        moduleOf(path) !== SESSIONS &&
        node.type === 'CallExpression' &&
        /\.(?:insertInto|mergeInto)$/.test(dotted(node.callee) ?? '') &&
        textOf((node.arguments as Node[])[0]) === 'sessions',
    )
    expect(inserts).toEqual([])
  })

  const TIME =
    /(?:^|\.)(?:Date\.now|performance\.(?:now|timeOrigin)|process\.(?:hrtime|uptime)(?:\.bigint)?)$/

  it('only base/clock.ts reads the time', () => {
    const reads = nodesThat(({ path }, node) => {
      if (CLOCKS.has(path)) return false
      if (node.type === 'NewExpression' || node.type === 'CallExpression') {
        const isDate = dotted(node.callee) === 'Date'
        return isDate && (node.type === 'CallExpression' || (node.arguments as Node[]).length === 0)
      }
      return node.type === 'MemberExpression' && TIME.test(dotted(node) ?? '')
    })
    expect(reads).toEqual([])
    const imported = importsThat(
      ({ path }, { target, names }) =>
        !CLOCKS.has(path) && (/perf_hooks$/.test(target) || names.includes('hrtime')),
    )
    expect(imported).toEqual([])
  })

  it('SQL gets the time as a parameter', () => {
    const sqlTime =
      /\b(?:now|clock_timestamp|statement_timestamp|transaction_timestamp)\(\)|\bcurrent_(?:timestamp|date|time)\b|\blocaltime(?:stamp)?\b/i
    const wrong = nodesThat(({ path }, node) => {
      // exceptions: migrations run before there is a clock, and the doctor and the start compare the two clocks
      if (/(?:base\/db\/migrate|commands\/(?:doctor-database|clock-difference))\.ts$/.test(path)) return false
      const text = node.type === 'TemplateElement' ? (node.value as { raw: string }).raw : textOf(node)
      return text !== null && sqlTime.test(text)
    })
    expect(wrong).toEqual([])
  })

  it('only config.ts reads the environment', () => {
    const wrong = nodesThat(({ path }, node) => {
      if (path === `${SERVER}config.ts`) return false
      if (node.type !== 'MemberExpression') return false
      return /^(?:globalThis\.)?process\.env$|^import\.meta\.env$/.test(dotted(node) ?? '')
    })
    expect(wrong).toEqual([])
    const destructured = nodesThat(
      (_, node) =>
        node.type === 'VariableDeclarator' &&
        dotted(node.init) === 'process' &&
        isNode(node.id) &&
        node.id.type === 'ObjectPattern',
    )
    expect(destructured).toEqual([])
    expect(
      importsThat((_, { target, names }) => /^(?:node:)?process$/.test(target) && names.includes('env')),
    ).toEqual([])
  })

  it('only base/outbound opens outbound connections', () => {
    const may = (path: string) =>
      path === `${GUARD}outbound.ts` ||
      Object.keys(MAY_CONNECT).some((start) => inServer(path).startsWith(start))
    const imported = importsThat(
      ({ path }, { target, names, typeOnly }) =>
        CONNECTING.test(target) &&
        !typeOnly &&
        !may(path) &&
        !names.every((name) => HARMLESS.has(name) || /^[A-Z]/.test(name)),
    )
    expect(imported).toEqual([])
    const fetched = nodesThat(
      ({ path }, node) =>
        !may(path) &&
        ((node.type === 'CallExpression' && /^(?:globalThis\.)?fetch$/.test(dotted(node.callee) ?? '')) ||
          (node.type === 'NewExpression' &&
            /^(?:globalThis\.)?(?:WebSocket|EventSource)$/.test(dotted(node.callee) ?? ''))),
    )
    expect(fetched).toEqual([])
  })

  it('only base/db imports a database driver', () => {
    const wrong = importsThat(
      ({ path }, { target }) =>
        /^(?:pg|@electric-sql\/.*)$/.test(target) && !path.startsWith(`${SERVER}base/db/`),
    )
    expect(wrong).toEqual([])
  })

  it('a library of a protocol is imported by one file, and loaded when it is needed', () => {
    const LIBRARY = /^(?:openid-client|@node-saml\/|xml-crypto|xml-encryption|@xmldom\/|xml2js)/
    const imported = importsThat((_, { target, typeOnly }) => LIBRARY.test(target) && !typeOnly)
    expect(imported.map((line) => line.replace(/:\d+/, ''))).toEqual([
      'packages/server/src/features/signin/saml/saml.ts imports * of @node-saml/node-saml/lib/xml.js',
      'packages/server/src/features/signin/upstream/oidc.ts imports * of openid-client',
    ])
    const loaded = nodesThat(
      (_, node) => node.type === 'ImportExpression' && LIBRARY.test(textOf(node.source) ?? ''),
    )
    expect(loaded).toHaveLength(2)
  })

  it('only base/present writes answers', () => {
    const RESPONSE =
      /(?:^|\.)(?:res|reply|response|raw)\.(?:raw\.)?(?:send|end|write|writeHead|setHeader|appendHeader|flushHeaders|header|code|status|type|redirect|sendFile)$/
    const writes = nodesThat(
      ({ path }, node) =>
        node.type === 'CallExpression' &&
        !path.startsWith(`${SERVER}base/present/`) &&
        !path.startsWith(`${SERVER}base/control/`) &&
        !path.startsWith(`${GUARD}adapters/`) &&
        (RESPONSE.test(dotted(node.callee) ?? '') ||
          /\.(?:writeHead|writeContinue|writeEarlyHints)$/.test(dotted(node.callee) ?? '')),
    )
    expect(writes).toEqual([])
    // a connection with an unreadable request gets a text that base/present renders
    const sockets = nodesThat(
      ({ path }, node) =>
        path.startsWith(`${SERVER}base/http/`) &&
        node.type === 'CallExpression' &&
        /socket\.(?:end|write)$/.test(dotted(node.callee) ?? ''),
    )
    expect(sockets.map((line) => line.replace(/:\d+/, ''))).toEqual([
      expect.stringMatching(/^packages\/server\/src\/base\/http\/serve\/server\.ts socket\.end\(raw\(/),
    ])
  })

  it('hashes and other slow work run outside of transactions', () => {
    const SLOW =
      /(?:^|\.)(?:hashing\.(?:hash|hashCode|verify)|makeSet|breaches\.timesSeen|accept(?:First)?Password|firstPasswordFaults|upgradeHash|smtp\.send|fetch)$/
    const inside = server.flatMap((source) =>
      source.nodes
        .filter((node) => node.type === 'CallExpression' && /(?:^|\.)db\.tx$/.test(dotted(node.callee) ?? ''))
        .flatMap((node) => [...everyNode((node.arguments as Node[])[1])])
        .filter((node) => node.type === 'CallExpression' && SLOW.test(dotted(node.callee) ?? ''))
        .map((node) => `${source.path}:${source.lineOf(node)}`),
    )
    expect(inside).toEqual([])
  })
})

describe('files', () => {
  it('are named after what they own, not service, helper or manager', () => {
    const FORBIDDEN =
      /(?:^|-)(?:services?|repositor(?:y|ies)|controllers?|dtos?|utils?|helpers?|common|managers?|misc)$/
    const wrong = all.filter((path) =>
      path
        .split('/')
        .slice(3)
        .some((part) => FORBIDDEN.test(part.replace(/(?:\.test)?\.tsx?$/, ''))),
    )
    expect(wrong).toEqual([])
  })

  it('are named in kebab-case', () => {
    const wrong = all.filter(
      (path) => !/^[a-z0-9-]+(?:(?:\.timing)?\.test|\.d)?\.tsx?$/.test(path.slice(path.lastIndexOf('/') + 1)),
    )
    expect(wrong).toEqual([])
  })

  it('stay under 450 lines', () => {
    const long = all
      .map((path) => ({ path, lines: readFileSync(join(ROOT, path), 'utf8').split('\n').length }))
      // test tables may be a little longer
      .filter(({ path, lines }) => lines > (/\.test\.tsx?$/.test(path) ? 480 : 450))
    expect(long).toEqual([])
  })

  it('start with a header', () => {
    const silent = sources
      .filter(({ text }) => !/^(?:#!.*\n)?(?:\/\*\*|\/\/)/.test(text))
      .map(({ path }) => path)
    expect(silent).toEqual([])
  })

  it('have a header of several lines if they are doors', () => {
    const short = doors.filter(
      ({ text }) => (/^\/\*\*[\s\S]*?\*\//.exec(text)?.[0].split('\n').length ?? 0) < 4,
    )
    expect(short.map(({ path }) => path)).toEqual([])
  })

  it('with rules are at most seven in a module', () => {
    const NOT_RULES =
      /\/(?:index|feature|operations|routes|[a-z-]*pages|[a-z-]*views|[a-z-]*texts|view|mail|sql|tables|jobs|fields)\.tsx?$/
    const modules = [...new Set(server.flatMap(({ path }) => moduleOf(path) ?? []))]
    const crowded = modules
      .map((module) => ({
        module,
        rules: server.filter(({ path }) => moduleOf(path) === module && !NOT_RULES.test(path)).length,
      }))
      .filter(({ rules }) => rules > 7)
    expect(crowded).toEqual([])
  })
})

describe('relative imports', () => {
  it('have an extension, so that node resolves the file as written', () => {
    const wrong = importsThat(
      (_, { target }) => target.startsWith('packages/') && !/\.(?:tsx?|json|css|html)$/.test(target),
    )
    expect(wrong).toEqual([])
  })
})
