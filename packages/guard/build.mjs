/**
 * Builds what is published: `dist/` holds ES modules, the same as CommonJS in `dist/cjs`, declarations for each, and
 * the SQL functions. The workspace imports the sources instead (`paths` in tsconfig.json), so nothing here needs to
 * be built to work on it. `npm pack -w @latchkey/guard` builds by itself; with a folder as its argument this
 * script puts the whole package there.
 *
 * Node takes the ES modules for `require`, too (the condition `module-sync`), so that a process has one guard;
 * CommonJS is for tools that cannot.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const root = join(here, '../..')
const target = process.argv[2] ?? here
const dist = join(target, 'dist')

function compile(folder, ...settings) {
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const args = [tsc, '-p', join(here, 'tsconfig.build.json'), '--outDir', folder, ...settings]
  const { status } = spawnSync(process.execPath, args, { stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
  // the compiler rewrites imports in JavaScript alone; older compilers want it in declarations, too
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.d.ts')) continue
    const text = readFileSync(join(folder, name), 'utf8')
    const rewritten = text.replace(/(from|import)(\s*\(?\s*)(['"])(\.[^'"]*)\.ts\3/g, '$1$2$3$4.js$3')
    writeFileSync(join(folder, name), rewritten)
  }
}

rmSync(dist, { recursive: true, force: true })
compile(dist)
compile(
  join(dist, 'cjs'),
  '--module',
  'commonjs',
  '--moduleResolution',
  'bundler',
  '--verbatimModuleSyntax',
  'false',
)
writeFileSync(join(dist, 'cjs/package.json'), '{ "type": "commonjs" }\n')

// for those who write migrations in SQL
const { latchkeySql } = await import(pathToFileURL(join(dist, 'database/sql.js')).href)
writeFileSync(join(dist, 'latchkey-functions.sql'), latchkeySql)

mkdirSync(target, { recursive: true })
cpSync(join(root, 'LICENSE'), join(target, 'LICENSE'))
if (target !== here)
  for (const name of ['package.json', 'README.md']) cpSync(join(here, name), join(target, name))
