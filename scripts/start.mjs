/**
 * `npm start` on a fresh machine: installs and builds what is missing, then starts the server and forwards signals and
 * the exit code. Arguments after `--` are those of `latchkey start`.
 */
import { spawn } from 'node:child_process'
import os from 'node:os'
import { join } from 'node:path'
import { demandNode, install, root } from './install.mjs'

demandNode()
if (!(await install())) process.exit(1)
// after the installation: the build needs packages
const { build } = await import('./build.mjs')
if (!(await build())) {
  console.error('The server could not be built.')
  process.exit(1)
}

const words = process.argv.slice(2)
const child = spawn(process.execPath, [join(root, 'packages/server/dist/latchkey.cjs'), 'start', ...words], {
  stdio: 'inherit',
  // Node reads it at its start; hashing needs threads in addition to those for files and DNS
  env: { UV_THREADPOOL_SIZE: String(Math.min(128, os.availableParallelism() + 4)), ...process.env },
})
// a terminal sends Ctrl-C to both processes; every other signal reaches this one alone
for (const signal of ['SIGTERM', 'SIGHUP', 'SIGQUIT']) process.on(signal, () => child.kill(signal))
process.on('SIGINT', () => process.stdin.isTTY || child.kill('SIGINT'))
// npm runs this in a shell that forwards no signals: when that is killed, only the id of the parent process changes
const parent = process.ppid
setInterval(() => process.ppid !== parent && child.kill('SIGTERM'), 500).unref()
child.on('exit', (code, signal) => {
  if (!signal) process.exit(code ?? 1)
  process.removeAllListeners(signal)
  process.kill(process.pid, signal)
})
