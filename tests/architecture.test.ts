/**
 * Holds the house to DESIGN §1: which way imports run, who may use whom, and which single file may read the
 * time, the environment, or write an answer. Works on syntax trees, so that type imports, re-exports, dynamic
 * imports and `import('…')` types count like any other. A new edge between features is a decision: it is
 * written down here, next to those before it.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parseAst } from 'vitest/node'

const ROOT = join(import.meta.dirname, '..')
const SERVER = 'packages/server/src/'

/** What each feature may use of the others, through their doors. Every edge is used; there is no cycle. */
const FEATURE_EDGES: Readonly<Record<string, readonly string[]>> = {
  access: ['sessions', 'users'],
  'api-keys': ['access', 'sessions', 'users'],
  invitations: ['access', 'organizations', 'sessions', 'users'],
  organizations: ['access', 'sessions', 'signin', 'users'],
  'organization-pages': ['access', 'invitations', 'organizations', 'signin', 'users'],
  'forward-auth': ['access', 'signin'],
  sessions: [],
  users: ['sessions'],
  emails: ['users'],
  signin: ['emails', 'sessions', 'users'],
  tokens: ['sessions', 'users'],
  passwords: ['emails', 'sessions', 'signin', 'tokens', 'users'],
  account: ['organizations', 'passwords', 'sessions', 'users'],
  'audit-log': ['sessions'],
  administration: [
    'access',
    'emails',
    'invitations',
    'organizations',
    'passwords',
    'sessions',
    'signin',
    'users',
  ],
  compat: ['passwords', 'sessions', 'tokens'],
  registration: ['emails', 'organizations', 'passwords', 'signin', 'users'],
}

/** The guard is a library of its own: its one clock, its one way out, and its adapters, which answer in an app's stead. */
const GUARD = 'packages/guard/src/'
/** Pure functions that decide what somebody may do: server and guard must not differ in them. */
const DECISIONS = new Set([
  'can',
  'effectivePermissions',
  'withInherited',
  'RoleDefinition',
  'RoleDefinitions',
])
const CLOCKS = new Set(['packages/server/src/base/clock.ts', `${GUARD}clock.ts`])

/** Modules that can open a connection, and the files that have a reason to use one. */
const CONNECTING =
  /^(?:node:)?(?:net|tls|http|https|http2|dgram|dns|dns\/promises)$|^(?:undici|nodemailer|ioredis|redis|ws|axios|got)(?:\/|$)/
const MAY_CONNECT: Readonly<Record<string, string>> = {
  'base/outbound/': 'the one way out',
  'base/control/index.ts': 'the control socket: a file of this machine',
  'commands/doctor.ts': 'asks whether our own port is free, or answers',
}
/** Named without a connection: types, and pure functions of those modules. */
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
    throw new Error(`${path}:${line} imports what only running it would tell`)
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
/** Tests and what only they use: they may look into every room. */
const isOfTests = (path: string): boolean => /\.test\.tsx?$|\/testing\/|\/testing\.tsx?$/.test(path)
const sources = all.filter((path) => !isOfTests(path)).map(readSource)
const server = sources.filter(({ path }) => path.startsWith(SERVER))

const inServer = (path: string): string => path.slice(SERVER.length)
const featureOf = (path: string): string | null =>
  /^packages\/server\/src\/features\/([^/]+)\//.exec(path)?.[1] ?? null

/** Rooms from the outermost in; each may use those after it. */
const LAYERS = ['main', 'commands', 'app', 'features', 'base', 'config'] as const

function layerOf(path: string): (typeof LAYERS)[number] {
  const [room = ''] = inServer(path).split('/')
  const layer = LAYERS.find((name) => room === name || room === `${name}.ts`)
  if (!layer) throw new Error(`${path} is in no room of DESIGN §1`)
  return layer
}

/** Every import of a kind, as `file:line imports what`, so that a failure says where to look. */
function importsThat(wrong: (source: Source, used: Import) => boolean, among = sources): string[] {
  return among.flatMap((source) =>
    source.imports
      .filter((used) => wrong(source, used))
      .map(({ line, target, names }) => `${source.path}:${line} imports ${names.join(', ')} of ${target}`),
  )
}

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
  it('are found whichever way they are written', () => {
    const ways = [
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
    for (const way of ways) {
      const nodes = [...everyNode(parseAst(way, { lang: 'ts', astType: 'ts' }))]
      expect(nodes.map((node) => importOf('room/y.ts', node, 1)?.target).find(Boolean), way).toBe('room/x.ts')
    }
  })

  it('run one way: main → commands → app → features → base → config', () => {
    const wrong = importsThat(({ path }, { target, typeOnly }) => {
      if (!target.startsWith(SERVER)) return false
      const [from, to] = [layerOf(path), layerOf(target)]
      // settings are written in terms of base's small pure rules (durations, styles), and only of those
      if (from === 'config' && to === 'base') return !typeOnly && !/base\/(?:clock|call)\.ts$/.test(target)
      return LAYERS.indexOf(to) < LAYERS.indexOf(from)
    }, server)
    expect(wrong).toEqual([])
  })

  it('of the process are the commands alone', () => {
    const main = server.find(({ path }) => path === `${SERVER}main.ts`)
    expect(main?.imports.filter(({ target }) => layerOf(target) !== 'commands')).toEqual([])
  })

  it('never reach out of a package except by its name', () => {
    const packageOf = (path: string) => path.split('/').slice(0, 2).join('/')
    const wrong = importsThat(
      ({ path }, { target }) => target.startsWith('packages/') && packageOf(path) !== packageOf(target),
    )
    expect(wrong).toEqual([])
  })

  it('of the guard are its own files, jose and node: it knows no server', () => {
    const guard = sources.filter(({ path }) => path.startsWith('packages/guard/'))
    expect(guard.length).toBeGreaterThan(0)
    const wrong = importsThat(
      (_, { target }) => !/^(?:packages\/guard\/src\/|node:|jose$)/.test(target),
      guard,
    )
    expect(wrong).toEqual([])
  })

  it('of the guard are made by features freely and by base for its decisions alone', () => {
    const wrong = importsThat(
      ({ path }, { target, names }) =>
        target.startsWith('@latchkey/guard') &&
        featureOf(path) === null &&
        !(path.startsWith(`${SERVER}base/`) && names.every((name) => DECISIONS.has(name))),
    )
    expect(wrong).toEqual([])
  })

  it('of what only tests use are made by tests alone', () => {
    expect(importsThat((_, { target }) => isOfTests(target))).toEqual([])
  })

  it('name no file of their own feature through its door, which would be a circle', () => {
    const wrong = importsThat(({ path }, { target }) => {
      const feature = featureOf(path)
      return feature !== null && target === `${SERVER}features/${feature}/index.ts`
    })
    expect(wrong).toEqual([])
  })
})

describe('features', () => {
  const crossing = server.flatMap(({ path, imports }) =>
    imports.flatMap(({ target, line }) => {
      const [from, to] = [featureOf(path), featureOf(target)]
      return from !== null && to !== null && from !== to ? [{ path, line, from, to, target }] : []
    }),
  )

  it('are used through their door alone, by each other and by everybody else', () => {
    const wrong = importsThat(({ path }, { target }) => {
      const feature = featureOf(target)
      return (
        feature !== null && feature !== featureOf(path) && !target.endsWith(`/features/${feature}/index.ts`)
      )
    })
    expect(wrong).toEqual([])
  })

  it('use each other only along the edges written here', () => {
    const wrong = crossing
      .filter(({ from, to }) => !FEATURE_EDGES[from]?.includes(to))
      .map(({ path, line, to }) => `${path}:${line} uses ${to}`)
    expect(wrong).toEqual([])
  })

  it('all stand in the table, with no edge that nobody uses', () => {
    const folders = new Set(server.flatMap(({ path }) => featureOf(path) ?? []))
    expect(Object.keys(FEATURE_EDGES).sort()).toEqual([...folders].sort())
    const unused = Object.entries(FEATURE_EDGES).flatMap(([from, edges]) =>
      edges
        .filter((to) => !crossing.some((edge) => edge.from === from && edge.to === to))
        .map((to) => `${from} → ${to}`),
    )
    expect(unused).toEqual([])
  })

  it('never come round to themselves', () => {
    const circles: string[] = []
    const visit = (feature: string, trail: readonly string[]): void => {
      if (trail.includes(feature)) circles.push([...trail, feature].join(' → '))
      else for (const next of FEATURE_EDGES[feature] ?? []) visit(next, [...trail, feature])
    }
    for (const feature of Object.keys(FEATURE_EDGES)) visit(feature, [])
    expect(circles).toEqual([])
  })

  it('have a door', () => {
    const doors = Object.keys(FEATURE_EDGES).filter((feature) =>
      all.includes(`${SERVER}features/${feature}/index.ts`),
    )
    expect(doors).toEqual(Object.keys(FEATURE_EDGES))
  })
})

describe('one door, one clock, one environment', () => {
  it('lets signin alone start sessions', () => {
    const allowed = /^packages\/server\/src\/features\/(?:sessions|signin)\//
    const imported = importsThat(
      ({ path }, { target, names }) =>
        !allowed.test(path) &&
        (names.includes('startSession') || (names.includes('*') && featureOf(target) === 'sessions')),
    )
    expect(imported).toEqual([])
    const starts = server.filter(
      ({ path, imports }) =>
        featureOf(path) !== 'sessions' && imports.some(({ names }) => names.includes('startSession')),
    )
    expect(starts.map(({ path }) => inServer(path))).toEqual(['features/signin/advance.ts'])
    // nobody writes the row behind the room's back either
    const inserts = nodesThat(
      ({ path }, node) =>
        featureOf(path) !== 'sessions' &&
        node.type === 'CallExpression' &&
        /\.(?:insertInto|mergeInto)$/.test(dotted(node.callee) ?? '') &&
        textOf((node.arguments as Node[])[0]) === 'sessions',
    )
    expect(inserts).toEqual([])
  })

  const TIME =
    /(?:^|\.)(?:Date\.now|performance\.(?:now|timeOrigin)|process\.(?:hrtime|uptime)(?:\.bigint)?)$/

  it('reads the time in base/clock.ts alone', () => {
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

  it('gives time to SQL as a parameter', () => {
    const sqlTime =
      /\b(?:now|clock_timestamp|statement_timestamp|transaction_timestamp)\(\)|\bcurrent_(?:timestamp|date|time)\b|\blocaltime(?:stamp)?\b/i
    const wrong = nodesThat(({ path }, node) => {
      // when a migration was applied is bookkeeping from before there is a clock; the doctor compares the two clocks
      if (/(?:base\/db\/migrate|commands\/doctor-database)\.ts$/.test(path)) return false
      const text = node.type === 'TemplateElement' ? (node.value as { raw: string }).raw : textOf(node)
      return text !== null && sqlTime.test(text)
    })
    expect(wrong).toEqual([])
  })

  it('reads the environment in config.ts alone', () => {
    const wrong = nodesThat(({ path }, node) => {
      if (path === `${SERVER}config.ts`) return false
      if (node.type !== 'MemberExpression') return false
      return /^(?:globalThis\.)?process\.env$|^import\.meta\.env$/.test(dotted(node) ?? '')
    })
    expect(wrong).toEqual([])
    const taken = nodesThat(
      (_, node) =>
        node.type === 'VariableDeclarator' &&
        dotted(node.init) === 'process' &&
        isNode(node.id) &&
        node.id.type === 'ObjectPattern',
    )
    expect(taken).toEqual([])
    expect(
      importsThat((_, { target, names }) => /^(?:node:)?process$/.test(target) && names.includes('env')),
    ).toEqual([])
  })

  it('opens connections to elsewhere in base/outbound alone', () => {
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

  it('lets base/db alone speak to the database', () => {
    const wrong = importsThat(
      ({ path }, { target }) =>
        /^(?:pg|@electric-sql\/.*)$/.test(target) && !path.startsWith(`${SERVER}base/db/`),
    )
    expect(wrong).toEqual([])
  })

  it('writes an answer in base/present alone', () => {
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
    // a connection without a readable request is answered with the text that base/present made
    const sockets = nodesThat(
      ({ path }, node) =>
        path.startsWith(`${SERVER}base/http/`) &&
        node.type === 'CallExpression' &&
        /socket\.(?:end|write)$/.test(dotted(node.callee) ?? ''),
    )
    expect(sockets.map((line) => line.replace(/:\d+/, ''))).toEqual([
      expect.stringMatching(/^packages\/server\/src\/base\/http\/server\.ts socket\.end\(raw\(/),
    ])
  })

  it('makes hashes and other slow work outside of transactions', () => {
    const SLOW =
      /(?:^|\.)(?:hashing\.(?:hash|verify)|breaches\.timesSeen|accept(?:First)?Password|firstPasswordFaults|upgradeHash|smtp\.send|fetch)$/
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
  it('are called what they own, not service, helper or manager', () => {
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
      (path) => !/^[a-z0-9-]+(?:\.test|\.d)?\.tsx?$/.test(path.slice(path.lastIndexOf('/') + 1)),
    )
    expect(wrong).toEqual([])
  })

  it('stay under 450 lines', () => {
    const long = all
      .map((path) => ({ path, lines: readFileSync(join(ROOT, path), 'utf8').split('\n').length }))
      // a table of tests may be a little longer than what it tests
      .filter(({ path, lines }) => lines > (/\.test\.tsx?$/.test(path) ? 480 : 450))
    expect(long).toEqual([])
  })

  it('begin by saying what they own', () => {
    const silent = sources
      .filter(({ text }) => !/^(?:#!.*\n)?(?:\/\*\*|\/\/)/.test(text))
      .map(({ path }) => path)
    expect(silent).toEqual([])
  })

  it('give a door a header of some lines', () => {
    const doors = server.filter(({ path }) => featureOf(path) !== null && path.endsWith('/index.ts'))
    const short = doors.filter(
      ({ text }) => (/^\/\*\*[\s\S]*?\*\//.exec(text)?.[0].split('\n').length ?? 0) < 4,
    )
    expect(short.map(({ path }) => path)).toEqual([])
  })

  it('are at most seven of rules in a feature', () => {
    const crowded = Object.keys(FEATURE_EDGES)
      .map((feature) => ({
        feature,
        rules: server.filter(
          ({ path }) =>
            featureOf(path) === feature &&
            !/\/(?:index|routes|pages|views|texts|view|mail|sql|jobs)\.tsx?$/.test(path),
        ).length,
      }))
      .filter(({ rules }) => rules > 7)
    expect(crowded).toEqual([])
  })
})

describe('the tree', () => {
  it('imports with an extension, so that node finds the file as written', () => {
    const wrong = importsThat(
      (_, { target }) => target.startsWith('packages/') && !/\.(?:tsx?|json|css|html)$/.test(target),
    )
    expect(wrong).toEqual([])
  })
})
