/**
 * Builds the server: one bundle, its launcher, the migrations beside it and the packed, migrated template that
 * makes the first embedded start fast. Nothing is done when nothing has changed.
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

/** Sets the size of Node's thread pool before Node first uses it, which loading an ES module already does. */
const LAUNCHER = `#!/usr/bin/env node
process.env.UV_THREADPOOL_SIZE ??= String(Math.min(128, require('node:os').availableParallelism() + 4))
import('./latchkey.mjs')
`
/** Libraries that are CommonJS expect these in the bundle. */
const BANNER = [
  "import { createRequire as __createRequire } from 'node:module'",
  "import { fileURLToPath as __fileURLToPath } from 'node:url'",
  'const require = __createRequire(import.meta.url)',
  'const __filename = __fileURLToPath(import.meta.url)',
  "const __dirname = __fileURLToPath(new URL('.', import.meta.url))",
].join('\n')

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

/** Builds what is out of date. @returns whether the build is good */
export async function build({ log = console.log } = {}) {
  const sources = ['packages/server/src', 'packages/guard/src'].flatMap((folder) =>
    filesUnder(join(root, folder)),
  )
  const migrations = filesUnder(join(server, 'migrations'))
  const fixed = ['package-lock.json', 'packages/server/package.json', 'tsconfig.json', 'scripts/build.mjs']
  const stamp = hashOf([
    ...sources,
    ...migrations,
    ...fixed.map((path) => join(root, path)).filter(existsSync),
  ])
  if (isFresh(stamp)) return true
  const began = performance.now()
  const endTurn = await takeTurn()
  try {
    // whoever built meanwhile may have built the same
    if (isFresh(stamp)) return true
    rmSync(stampFile, { force: true })
    if (!(await bundle(log))) return false
    rmSync(join(dist, 'migrations'), { recursive: true, force: true })
    cpSync(join(server, 'migrations'), join(dist, 'migrations'), { recursive: true })
    if (!(await packTemplate(migrations, log))) return false
    writeFileSync(stampFile, stamp)
  } finally {
    endTurn()
  }
  log(`Built in ${((performance.now() - began) / 1000).toFixed(1)} s.`)
  return true
}

const isFresh = (stamp) => existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp

/** One build at a time; that of a process that died is not waited for. @returns what ends the turn */
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

async function bundle(log) {
  const { build: esbuild, stop } = await import('esbuild')
  const result = await esbuild({
    entryPoints: [join(server, 'src/main.ts')],
    outfile: join(dist, 'latchkey.mjs'),
    write: false,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    sourcemap: 'linked',
    // a smaller file is read sooner; names stay, for stack traces
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none',
    banner: { js: BANNER },
    loader: { '.css': 'text', '.txt': 'text', '.sql': 'text' },
    // with native code or files of their own; found in node_modules at run time
    external: ['@electric-sql/pglite', '@electric-sql/pglite/*', '@node-rs/*', 'pg-native'],
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
  writeWhole(join(dist, 'latchkey.cjs'), LAUNCHER, 0o755)
  return true
}

/** A server that starts meanwhile must never see half a file. */
function writeWhole(path, contents, mode = 0o644) {
  writeFileSync(`${path}.new`, contents, { mode })
  renameSync(`${path}.new`, path)
}

/** The template depends on the migrations, on PGlite and on how it is made, so that most builds keep it. */
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

if (process.argv[1] === join(root, 'scripts/build.mjs')) {
  demandNode()
  process.exitCode = (await install()) && (await build()) ? 0 : 1
}
