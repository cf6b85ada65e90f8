/**
 * Builds the published package: `dist/` is a complete package with JavaScript, declarations and a manifest that
 * points at them. The workspace imports the sources, so that development needs no build.
 * `npm run build -w @latchkey/guard`, then `npm publish packages/guard/dist`.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const root = join(here, '../..')
const dist = process.argv[2] ?? join(here, 'dist')

rmSync(dist, { recursive: true, force: true })
const tsc = [
  join(root, 'node_modules/typescript/bin/tsc'),
  '-p',
  join(here, 'tsconfig.build.json'),
  '--outDir',
  dist,
]
const { status } = spawnSync(process.execPath, tsc, { stdio: 'inherit' })
if (status !== 0) process.exit(status ?? 1)

// the compiler rewrites imports in JavaScript alone; older compilers want it in declarations, too
for (const name of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
  if (!name.endsWith('.d.ts')) continue
  const text = readFileSync(join(dist, name), 'utf8')
  writeFileSync(
    join(dist, name),
    text.replace(/(from|import)(\s*\(?\s*)(['"])(\.[^'"]*)\.ts\3/g, '$1$2$3$4.js$3'),
  )
}

const {
  private: _,
  scripts: __,
  devDependencies: ___,
  ...manifest
} = JSON.parse(readFileSync(join(here, 'package.json'), 'utf8'))
manifest.exports = Object.fromEntries(
  Object.entries(manifest.exports).map(([name, source]) => {
    const built = source.replace('./src/', './').replace(/\.ts$/, '')
    return [name, { types: `${built}.d.ts`, default: `${built}.js` }]
  }),
)
// for migrations written in SQL
manifest.exports['./latchkey-functions.sql'] = './latchkey-functions.sql'
const { latchkeySql } = await import(pathToFileURL(join(dist, 'database/sql.js')).href)
writeFileSync(join(dist, 'latchkey-functions.sql'), latchkeySql)
writeFileSync(join(dist, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`)
cpSync(join(here, 'README.md'), join(dist, 'README.md'))
cpSync(join(root, 'LICENSE'), join(dist, 'LICENSE'))
