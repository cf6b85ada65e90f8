/**
 * Builds the server: one bundle, its launcher, the migrations beside it, and two files that make a start fast: the code
 * cache of the bundle, and a packed, migrated template of the embedded database. Without changes it builds nothing.
 */
import { createHash } from 'node:crypto'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join, relative } from 'node:path'
import { demandNode, install, root, run } from './install.mjs'

const server = join(root, 'packages/server')
const dist = join(server, 'dist')
const stampFile = join(dist, 'stamp')

/**
 * Sets the size of Node's thread pool before Node first uses it, and runs the bundle with the code that V8 compiled
 * at the build (scripts/compile.cjs), which saves a third of the start. V8 compares only the length of the source, so the
 * code cache contains the hash of the source; a cache of another source or another Node is not used.
 */
const LAUNCHER = `#!/usr/bin/env node
process.env.UV_THREADPOOL_SIZE ??= String(Math.min(128, require('node:os').availableParallelism() + 4))
const { createHash } = require('node:crypto')
const { readFileSync } = require('node:fs')
const { createRequire, wrap } = require('node:module')
const { join } = require('node:path')
const { Script } = require('node:vm')

const filename = join(__dirname, 'server.cjs')
function compiled(mark) {
  try {
    const cache = readFileSync(join(__dirname, 'server.cache'))
    return mark.equals(cache.subarray(0, 32)) ? cache.subarray(32) : undefined
  } catch {
    return undefined
  }
}
function load() {
  const source = readFileSync(filename)
  const mark = createHash('sha256').update(source).digest()
  const cachedData = compiled(mark)
  return { mark, script: new Script(wrap(source.toString('latin1')), { filename, cachedData }) }
}
const { script, mark } = load()
module.exports = { script, mark }
script.runInThisContext()({}, createRequire(filename), module, filename, __dirname)
`

const MAKERS = ['scripts/build.mjs', 'scripts/compile.cjs']

function filesUnder(folder) {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !/\.test\.tsx?$/.test(entry.name))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort()
}

function hashOf(paths) {
  const hash = createHash('sha256')
  for (const path of paths)
    hash.update(relative(root, path)).update('\0').update(readFileSync(path)).update('\0')
  return hash.digest('hex')
}

/** Builds what is out of date. @returns whether the build succeeded */
export async function build({ log = console.log } = {}) {
  const sources = ['packages/server/src', 'packages/guard/src'].flatMap((folder) =>
    filesUnder(join(root, folder)),
  )
  const migrations = filesUnder(join(server, 'migrations'))
  const vendored = filesUnder(join(server, 'vendor'))
  const fixed = ['package-lock.json', 'packages/server/package.json', 'tsconfig.json', ...MAKERS]
  const stamp = hashOf([
    ...sources,
    ...migrations,
    ...vendored,
    ...fixed.map((path) => join(root, path)).filter(existsSync),
  ])
  if (isFresh(stamp)) return true
  const began = performance.now()
  const endTurn = await takeTurn()
  try {
    // another process may have built the same in the meantime
    if (isFresh(stamp)) return true
    rmSync(stampFile, { force: true })
    if (!(await bundle(log))) return false
    rmSync(join(dist, 'migrations'), { recursive: true, force: true })
    cpSync(join(server, 'migrations'), join(dist, 'migrations'), { recursive: true })
    cpSync(join(server, 'vendor'), join(dist, 'vendor'), { recursive: true })
    cpSync(join(root, 'LICENSE'), join(server, 'LICENSE'))
    if (!(await packTemplate(migrations, log))) return false
    await compile(log)
    writeFileSync(stampFile, stamp)
  } finally {
    endTurn()
  }
  log(`Built in ${((performance.now() - began) / 1000).toFixed(1)} s.`)
  return true
}

const isFresh = (stamp) => existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp

/** A lock: one build at a time; the lock of a process that died is ignored. @returns a function that releases it */
async function takeTurn() {
  const turn = join(dist, 'building')
  mkdirSync(dist, { recursive: true })
  for (;;) {
    try {
      writeFileSync(turn, String(process.pid), { flag: 'wx' })
      return () => rmSync(turn, { force: true })
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
    }
    const holder = existsSync(turn) ? Number(readFileSync(turn, 'utf8')) : 0
    if (holder && !isRunning(holder)) rmSync(turn, { force: true })
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

function isRunning(pid) {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return error.code === 'EPERM'
  }
}

/** The messages of zod in forty languages: no module reads them, because the server words its own (request/fields.ts). */
const withoutLocales = {
  name: 'without-locales',
  setup: ({ onLoad }) =>
    onLoad({ filter: /zod[\\/]v4[\\/]locales[\\/]index\.c?js$/ }, () => ({ contents: 'export {}' })),
}

async function bundle(log) {
  const { build: esbuild, stop } = await import('esbuild')
  const result = await esbuild({
    entryPoints: [join(server, 'src/main.ts')],
    outfile: join(dist, 'server.cjs'),
    write: false,
    bundle: true,
    format: 'cjs',
    platform: 'node',
    target: 'node20.19',
    // code from V8's cache cannot use import(): it requires
    supported: { 'dynamic-import': false },
    jsx: 'automatic',
    jsxImportSource: 'preact',
    sourcemap: 'linked',
    // a smaller file is read faster; names stay, for stack traces
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none',
    // the launcher reads it as Latin-1, which is faster
    charset: 'ascii',
    plugins: [withoutLocales],
    metafile: true,
    banner: { js: "const __bundle = require('node:url').pathToFileURL(__filename).href" },
    define: {
      'import.meta.url': '__bundle',
      // pg detects its platform by a member that makes Node 20 load a whole HTTP client
      navigator: '{ "userAgent": "Node.js" }',
    },
    loader: { '.css': 'text', '.txt': 'text', '.sql': 'text' },
    // packages with native code or additional files: loaded from node_modules at run time
    external: ['@electric-sql/pglite', '@electric-sql/pglite/*', '@node-rs/*', 'bcrypt', 'pg-native'],
    logLevel: 'silent',
    absWorkingDir: root,
  }).catch((error) => error)
  await stop()
  for (const message of result.errors ?? []) {
    const at = message.location ? `${message.location.file}:${message.location.line}: ` : ''
    log(`${at}${message.text}`)
  }
  if (result instanceof Error) {
    if (!('errors' in result)) log(result.message)
    return false
  }
  for (const { path, contents } of result.outputFiles) writeWhole(path, contents)
  const bundled = bundledPackages(Object.keys(result.metafile.inputs))
  writeWhole(join(dist, 'licenses.txt'), licensesOf(bundled))
  writeWhole(join(dist, 'bundled.json'), JSON.stringify(bundled.map(({ folder: _, ...about }) => about)))
  writeWhole(join(dist, 'latchkey.cjs'), LAUNCHER, 0o755)
  return true
}

/** The packages whose code is in the bundle, by the names of their folders. */
function bundledPackages(inputs) {
  const folders = inputs.flatMap((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(path) ?? [])
  return [...new Set(folders)].sort().map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'))
    return { name, version, license, folder }
  })
}

/** The licences of the packages in the bundle, which must be distributed with their code. */
function licensesOf(bundled) {
  const texts = bundled.map(({ name, version, license, folder }) => {
    const file = readdirSync(join(root, folder)).find((entry) => /^licen[cs]e/i.test(entry))
    const text = file ? `\n\n${readFileSync(join(root, folder, file), 'utf8').trim()}` : ''
    return `${name} ${version} (${license})${text}\n`
  })
  return texts.join(`\n${'-'.repeat(80)}\n\n`)
}

/** Replaces the file in one step, so that a server that starts at the same time never reads half a file. */
function writeWhole(path, contents, mode = 0o644) {
  writeFileSync(`${path}.new`, contents, { mode })
  renameSync(`${path}.new`, path)
}

/** The template depends only on the migrations, on PGlite and on the code that makes it, so that most builds keep it. */
async function packTemplate(migrations, log) {
  const makers = ['migrate.ts', 'pglite.ts', 'template.ts'].map((name) => join(server, 'src/base/db', name))
  const stamp = hashOf([
    ...migrations,
    ...makers,
    join(server, 'package.json'),
    join(root, 'scripts/pack-template.ts'),
  ])
  const file = join(dist, 'template.stamp')
  if (existsSync(file) && readFileSync(file, 'utf8') === stamp && existsSync(join(dist, 'template.tar.gz')))
    return true
  for (const name of ['template.stamp', 'template.json']) rmSync(join(dist, name), { force: true })
  const tsx = join(root, 'node_modules/tsx/dist/cli.mjs')
  const made = await run(process.execPath, [tsx, join(root, 'scripts/pack-template.ts'), dist], {
    quiet: true,
  })
  if (made.code !== 0) log(made.output)
  else writeFileSync(file, stamp)
  return made.code === 0
}

/** The code that V8 compiles from the bundle during a start. Without it, the server only starts slower. */
async function compile(log) {
  const made = await run(process.execPath, [join(root, 'scripts/compile.cjs'), dist], { quiet: true })
  if (made.code !== 0) log(`The server will start slower: it could not be tried out.\n${made.output}`)
}

if (process.argv[1] === join(root, 'scripts/build.mjs')) {
  demandNode()
  process.exitCode = (await install()) && (await build()) ? 0 : 1
}
