/**
 * Runs in the place of an engine inside the file system of the image: starts its program, runs its health check until it passes, looks
 * around, and stops it as an engine does. Prints what it found as JSON. Arguments: the program's words, and those of the health check.
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'

const [program, check] = process.argv.slice(2).map((text) => JSON.parse(text))
const began = performance.now()
const child = spawn(program[0], program.slice(1), { stdio: ['ignore', 'pipe', 'inherit'] })
let output = ''
child.stdout.on('data', (text) => {
  output += text
})
const ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal)))
let isHealthy = false
while (!isHealthy && child.exitCode === null && performance.now() - began < 60_000) {
  await pause(200)
  isHealthy = spawnSync(check[0], check.slice(1)).status === 0
}
/** @returns the code of the error, or null where the file was written */
const write = (path) => {
  try {
    writeFileSync(path, '')
    return null
  } catch (error) {
    return error.code
  }
}
const page = await fetch('http://127.0.0.1:4000/sign-in').then(
  ({ status }) => status,
  (error) => String(error),
)
const found = {
  isHealthy,
  page,
  user: process.getuid(),
  onRoot: write('/file'),
  inProgram: write('/srv/latchkey/file'),
  inData: write('/var/lib/latchkey/file'),
  shells: ['/bin/sh', '/bin/bash', '/usr/bin/npm'].filter((path) => existsSync(path)),
  data: readdirSync('/var/lib/latchkey').length,
  dataMode: (statSync('/var/lib/latchkey').mode & 0o777).toString(8),
}
child.kill('SIGTERM')
console.log(JSON.stringify({ ...found, exit: await ended, output }))
