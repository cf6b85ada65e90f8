/**
 * Starts the built server once, on an embedded database in a temporary folder, requests its pages, and writes the code
 * that V8 has compiled by then to dist/server.cache, with the hash of the bundle.
 */
const { mkdtempSync, renameSync, rmSync, writeFileSync } = require('node:fs')
const { createServer } = require('node:net')
const { tmpdir } = require('node:os')
const { join } = require('node:path')
const v8 = require('node:v8')

const dist = process.argv[2]
const folder = mkdtempSync(join(tmpdir(), 'latchkey-compile-'))
for (const name of Object.keys(process.env))
  if (/^(LATCHKEY_|DATABASE_URL$|REDIS_URL$)/.test(name)) delete process.env[name]
// a code cache is valid only for the flags it was made with, and those of the embedded database are set after loading
v8.setFlagsFromString = () => {}

const freePort = () =>
  new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address()
      probe.close(() => resolve(port))
    })
  })

async function main() {
  const port = await freePort()
  Object.assign(process.env, {
    LATCHKEY_DATA_DIR: folder,
    LATCHKEY_PORT: String(port),
    LATCHKEY_LOG_LEVEL: 'error',
  })
  const launcher = join(dist, 'latchkey.cjs')
  process.argv = [process.argv[0], launcher, 'start']
  process.chdir(folder)
  const { script, mark } = require(launcher)
  const ask = (path) => fetch(`http://127.0.0.1:${port}${path}`, { headers: { accept: 'text/html' } })
  for (let tries = 0; ; tries++) {
    const answer = await ask('/readyz').catch(() => null)
    if (answer?.ok) break
    if (tries > 2000) throw new Error('the server did not start')
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  for (const path of ['/', '/sign-in', '/sign-up', '/api/v1/auth/me', '/healthz'])
    await (await ask(path)).arrayBuffer()
  const file = join(dist, 'server.cache')
  writeFileSync(`${file}.new`, Buffer.concat([mark, script.createCachedData()]))
  renameSync(`${file}.new`, file)
}

process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
main().then(
  // the server shuts down as usual; on Windows the signal itself would end the process immediately
  () => process.emit('SIGTERM'),
  (error) => {
    console.error(error)
    process.exit(1)
  },
)
