/**
 * Requests over kept connections until standard input ends: `load.mjs <origin> <bearer token> <file of the authority> <address>`. Twelve lanes read,
 * one writes once a second. Prints the sum whenever it has changed: how many by method and status.
 */
import { readFileSync } from 'node:fs'
import { Agent, request } from 'node:https'

const [origin, token, authority, address] = process.argv.slice(2)
const agent = new Agent({
  keepAlive: true,
  maxSockets: 24,
  ca: readFileSync(authority),
  lookup: (_host, options, done) =>
    options.all ? done(null, [{ address, family: 4 }]) : done(null, address, 4),
})
const counts = {}
let isOver = false

const send = (method, path, body = '') =>
  new Promise((resolve) => {
    const headers = {
      authorization: `Bearer ${token}`,
      ...(body && { 'content-type': 'application/json', 'content-length': body.length }),
    }
    request(new URL(path, origin), { method, agent, headers }, (res) => {
      res.resume().on('end', () => resolve(res.statusCode))
    })
      .on('error', ({ code, message }) => resolve(code ?? message))
      .end(body)
  }).then((status) => {
    const name = `${method} ${status}`
    counts[name] = (counts[name] ?? 0) + 1
  })

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
async function reader(path) {
  while (!isOver) await send('GET', path)
}
async function writer() {
  for (let n = 0; !isOver; n++) {
    await send('PATCH', '/api/v1/users/me', JSON.stringify({ full_name: `Grace Hopper ${n}` }))
    await pause(1000)
  }
}
const lanes = [
  ...Array.from({ length: 12 }, (_, n) => reader(n % 3 === 0 ? '/healthz' : '/api/v1/auth/validate')),
  writer(),
]
const shown = setInterval(() => console.log(JSON.stringify(counts)), 200)
process.stdin.resume().on('end', async () => {
  isOver = true
  clearInterval(shown)
  await Promise.all(lanes)
  agent.destroy()
  console.log(JSON.stringify(counts))
})
