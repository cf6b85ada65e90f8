/** The listener of LATCHKEY_METRICS_ADDRESS: what it serves, to whom, and what it refuses. */
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { listenForMetrics } from './listener.ts'

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function open(write: () => Promise<string>): Promise<{ url: string; port: number }> {
  const port = await freePort()
  const listener = await listenForMetrics({ host: '127.0.0.1', port }, write)
  onTestFinished(() => listener.close())
  return { url: `http://127.0.0.1:${port}`, port }
}

it('serves the metrics and its health, and nothing else', async () => {
  const { url } = await open(async () => 'latchkey_good 1\n')
  const answers = await Promise.all(
    [
      ['GET', '/metrics'],
      ['GET', '/metrics?name=x'],
      ['HEAD', '/metrics'],
      ['GET', '/healthz'],
      ['POST', '/metrics'],
      ['DELETE', '/healthz'],
      ['GET', '/'],
      ['GET', '/api/v1/auth/me'],
      ['GET', '/metrics/'],
    ].map(async ([method = '', path]) => {
      const answer = await fetch(`${url}${path}`, { method })
      return [answer.status, await answer.text()]
    }),
  )
  expect(answers).toEqual([
    [200, 'latchkey_good 1\n'],
    [200, 'latchkey_good 1\n'],
    [200, ''],
    [200, 'ok\n'],
    [405, 'Only GET is allowed here.\n'],
    [405, 'Only GET is allowed here.\n'],
    [404, 'Only /metrics and /healthz are here.\n'],
    [404, 'Only /metrics and /healthz are here.\n'],
    [404, 'Only /metrics and /healthz are here.\n'],
  ])
})

it('answers in the format of Prometheus, which nothing caches', async () => {
  const { url } = await open(async () => 'latchkey_good{name="ü"} 1\n')
  const { headers } = await fetch(`${url}/metrics`)
  expect(Object.fromEntries(headers)).toMatchObject({
    'content-type': 'text/plain; version=0.0.4; charset=utf-8',
    'content-length': '27',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  })
})

it('answers 503 while the metrics cannot be read, and again afterwards', async () => {
  let isBroken = true
  const { url } = await open(async () => {
    if (isBroken) throw new Error('no worker has answered')
    return 'latchkey_good 1\n'
  })
  expect((await fetch(`${url}/metrics`)).status).toBe(503)
  expect((await fetch(`${url}/healthz`)).status).toBe(200)
  isBroken = false
  expect((await fetch(`${url}/metrics`)).status).toBe(200)
})

it('refuses an address that is in use', async () => {
  const { port } = await open(async () => '')
  await expect(listenForMetrics({ host: '127.0.0.1', port }, async () => '')).rejects.toThrow('EADDRINUSE')
})

it('closes while a scraper keeps its connection', async () => {
  const port = await freePort()
  const listener = await listenForMetrics({ host: '127.0.0.1', port }, () => new Promise(() => {}))
  const pending = fetch(`http://127.0.0.1:${port}/metrics`).catch(() => 'closed')
  await fetch(`http://127.0.0.1:${port}/healthz`)
  await listener.close()
  expect(await pending).toBe('closed')
})
