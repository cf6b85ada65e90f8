/**
 * What start, build and test share: the right Node, and the packages in place. Plain Node, no dependencies,
 * and a syntax that old versions can read far enough to say that they are too old.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** Ends the process with a message if Node is too old. */
export function demandNode() {
  const wanted = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).engines.node.replace('>=', '')
  const parts = (version) => version.split('.').map(Number)
  const [have, need] = [parts(process.versions.node), parts(wanted)]
  if (have[0] > need[0] || (have[0] === need[0] && have[1] >= need[1])) return
  console.error(
    `Latchkey needs Node.js ${wanted} or newer; this is ${process.versions.node} (${process.execPath}).`,
  )
  console.error(
    'Get it from https://nodejs.org or with your package manager, then run the same command again.',
  )
  process.exit(1)
}

/** Runs a program. @returns its exit code (128 + n for a signal) and its output if `quiet` */
export function run(program, args, { quiet = false, env = process.env, cwd = root, limit = 0 } = {}) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd, env, stdio: quiet ? ['ignore', 'pipe', 'pipe'] : 'inherit' })
    let output = ''
    child.stdout?.on('data', (chunk) => (output += chunk))
    child.stderr?.on('data', (chunk) => (output += chunk))
    let timer
    if (limit > 0) {
      timer = setTimeout(() => {
        output += `\nstopped after ${limit / 1000} s\n`
        child.kill('SIGKILL')
      }, limit)
    }
    const end = (code) => {
      clearTimeout(timer)
      resolve({ code, output })
    }
    child.once('error', (error) => end(error.code === 'ENOENT' ? 127 : 126))
    child.once('close', (code, signal) => end(code ?? (signal ? 137 : 1)))
  })
}

/** The script of npm: the one that runs this script, or, on Windows, where `npm` is no program, the one beside Node. */
function npmScript() {
  if (process.env.npm_execpath?.endsWith('.js')) return process.env.npm_execpath
  const beside = join(dirname(process.execPath), 'node_modules/npm/bin/npm-cli.js')
  return process.platform === 'win32' && existsSync(beside) ? beside : null
}

/** Runs the npm that runs this script, otherwise the one in PATH. */
export function npm(args, options) {
  const script = npmScript()
  return script ? run(process.execPath, [script, ...args], options) : run('npm', args, options)
}

/** Whether the installed packages match package-lock.json; packages for other platforms may be absent. */
export function isInstalled() {
  const [wanted, have] = ['package-lock.json', 'node_modules/.package-lock.json'].map((name) => {
    const path = join(root, name)
    return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')).packages : null
  })
  if (!have) return false
  return Object.entries(wanted ?? {}).every(([name, { version, optional }]) => {
    if (!name.startsWith('node_modules/')) return true
    return have[name] ? have[name].version === version : optional === true
  })
}

/** npm links the command of a package only where its file is there; the build replaces this one. */
function holdCommand() {
  const command = join(root, 'packages/server/dist/latchkey.cjs')
  if (existsSync(command)) return
  mkdirSync(dirname(command), { recursive: true })
  const text =
    "#!/usr/bin/env node\nconsole.error('Latchkey is not built yet: npm run build')\nprocess.exit(1)\n"
  writeFileSync(command, text, { mode: 0o755 })
}

/** Installs the packages if necessary. @returns whether they are installed */
export async function install({ quiet = false } = {}) {
  if (isInstalled()) return true
  holdCommand()
  console.log('Installing packages (npm), which takes a minute the first time …')
  // `ci` installs the packages of the lock file and never changes it
  // the build needs the development packages, also if NODE_ENV is production
  const args = ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error']
  const { code, output } = await npm(args, { quiet })
  if (code === 0) return true
  if (quiet) console.error(output)
  console.error(
    'The packages could not be installed. Is the npm registry reachable? Run `npm ci` for details.',
  )
  return false
}
