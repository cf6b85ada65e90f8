/**
 * Packages that only tests use and that are too large for everybody's `node_modules`: another Node, other runtimes,
 * frameworks. `tests/installs/<name>` has their manifest and lock; `node scripts/cache.mjs <name>` installs them in
 * `.cache/<name>`, where the folder is not there or its lock has changed, and prints that path.
 */
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { npm, root } from './install.mjs'

const LOCK = 'package-lock.json'
const MINUTE = 60_000

/** @returns the folder that contains `node_modules`. @throws an error with the output of npm */
export async function cached(name) {
  const source = join(root, 'tests/installs', name)
  const folder = join(root, '.cache', name)
  const lock = readFileSync(join(source, LOCK), 'utf8')
  const isInstalled = () =>
    existsSync(join(folder, LOCK)) && readFileSync(join(folder, LOCK), 'utf8') === lock
  if (isInstalled()) return folder
  mkdirSync(join(root, '.cache'), { recursive: true })
  const made = mkdtempSync(`${folder}-`)
  try {
    for (const file of ['package.json', LOCK]) copyFileSync(join(source, file), join(made, file))
    // the binaries are in the packages: no script has to run
    const args = ['ci', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund']
    // some packages of frameworks name a newer Node than they need; the tests show whether they run
    args.push('--engine-strict=false')
    const { code, output } = await npm(args, { quiet: true, cwd: made, limit: 8 * MINUTE })
    if (code !== 0) throw new Error(`npm cannot install tests/installs/${name}:\n${output}`)
    // another process may have been faster, and its folder may be in use
    if (isInstalled()) return folder
    rmSync(folder, { recursive: true, force: true })
    renameSync(made, folder)
    return folder
  } finally {
    rmSync(made, { recursive: true, force: true })
  }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href)
  console.log(await cached(process.argv[2]))
