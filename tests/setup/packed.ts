/** The packed guard in a folder beside packages of `tests/installs`, and programs that use both. */
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ROOT } from '../../packages/guard/src/testing/programs.ts'

const execute = promisify(execFile)

export interface PackedFolder {
  /** Contains `node_modules/@latchkey/guard`, and is below the folder of the installed packages. */
  readonly path: string
  /** The folder whose `node_modules` has the packages of `tests/installs/<name>`. */
  readonly installed: string
  remove(): void
}

/** @returns the folder whose `node_modules` has the packages of `tests/installs/<name>` */
export async function installedFolder(name: string): Promise<string> {
  const { stdout } = await execute(process.execPath, [join(ROOT, 'scripts/cache.mjs'), name], { cwd: ROOT })
  return stdout.trim().split('\n').at(-1) ?? ''
}

/** @param name of a folder of `tests/installs` */
export async function packedGuardBeside(name: string): Promise<PackedFolder> {
  const installed = await installedFolder(name)
  const path = mkdtempSync(join(installed, 'test-'))
  const scope = join(path, 'node_modules/@latchkey')
  mkdirSync(scope, { recursive: true })
  // a build into a folder, then `npm pack` of it: dist/ of the workspace may be in use by other tests
  await execute(process.execPath, [join(ROOT, 'packages/guard/build.mjs'), join(scope, 'built')], {
    cwd: ROOT,
  })
  const packed = await execute('npm', ['pack', '--ignore-scripts', '--json', './built'], { cwd: scope })
  const [{ filename }] = JSON.parse(packed.stdout) as [{ filename: string }]
  mkdirSync(join(scope, 'guard'))
  await execute('tar', ['-xzf', filename, '-C', 'guard', '--strip-components=1'], { cwd: scope })
  for (const left of ['built', filename]) rmSync(join(scope, left), { recursive: true })
  return { path, installed, remove: () => rmSync(path, { recursive: true, force: true }) }
}
