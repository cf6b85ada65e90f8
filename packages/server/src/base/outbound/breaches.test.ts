/** Breach check, with a fake range service that answers correctly or incorrectly. */
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../clock.ts'
import { createLog } from '../log/index.ts'
import { buildBreachFile } from './breach-file-build.ts'
import { type Breaches, createBreaches } from './breaches.ts'

const BREACHED = 'correct horse battery staple'
const GOOD = 'a password that is in no breach'
const digest = (password: string) => createHash('sha1').update(password).digest('hex').toUpperCase()
const padding = Array.from({ length: 900 }, (_, n) => `${digest(`pad ${n}`).slice(5)}:0`)

let server: Server
let base: string
let asked: IncomingMessage[]
let answer: (request: IncomingMessage, response: ServerResponse) => void
beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push(request)
    answer(request, response)
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/range/`
})
afterAll(async () => {
  server.closeAllConnections()
  await new Promise((closed) => server.close(closed))
})

const clock = systemClock()
let lines: string[]
let breaches: Breaches
const open = (breachUrl = base, breachCheck = true, breachFile: string | null = null) =>
  createBreaches({
    clock,
    log: createLog({ level: 'debug', pretty: false, destination: { write: (line) => lines.push(line) } }),
    config: { breachCheck, breachUrl, breachFile, breachTimeout: 2000 },
  })
const says = (body: string, status = 200, headers: Record<string, string> = {}) => {
  answer = (_, response) => void response.writeHead(status, headers).end(body)
}
const range = (password: string, times: number | string) =>
  [...padding, `${digest(password).slice(5)}:${times}`, ''].join('\r\n')

beforeEach(() => {
  asked = []
  lines = []
  breaches = open()
})

describe('a range', () => {
  test('is requested by five digits and with padding, and contains the count of the password', async () => {
    says(range(BREACHED, 384))
    expect(await breaches.timesSeen(BREACHED)).toBe(384)
    const [request] = asked
    expect(request?.url).toBe(`/range/${digest(BREACHED).slice(0, 5)}`)
    expect(request?.headers).toMatchObject({ 'add-padding': 'true', 'user-agent': 'Latchkey' })
    expect(JSON.stringify(request?.headers)).not.toContain(digest(BREACHED).slice(5))
    expect(lines).toEqual([])
  })

  test('without the password means 0, and so does a padding line with its suffix', async () => {
    says(range(BREACHED, 384))
    expect(await breaches.timesSeen(GOOD)).toBe(0)
    says(range(GOOD, 0))
    expect(await breaches.timesSeen(GOOD)).toBe(0)
    says('')
    expect(await breaches.timesSeen(GOOD)).toBe(0)
    expect(lines).toEqual([])
  })

  test('may have lower-case digits, bare newlines and no final newline', async () => {
    says(range(BREACHED, 3).toLowerCase().replaceAll('\r\n', '\n').trimEnd())
    expect(await breaches.timesSeen(BREACHED)).toBe(3)
  })

  test('is requested for both forms where normalization changes the password', async () => {
    const typed = 'ﬁfteen characters, or more'
    answer = (request, response) =>
      void response.end(
        request.url?.endsWith(digest(typed).slice(0, 5)) ? range(typed, 7) : padding.join('\n'),
      )
    expect(await breaches.timesSeen(typed)).toBe(7)
    expect(asked.map(({ url }) => url).sort()).toEqual(
      [typed, typed.normalize('NFKC')].map((text) => `/range/${digest(text).slice(0, 5)}`).sort(),
    )
  })

  test('is requested for what the local file does not contain, and for nothing that it contains', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'lk-breaches-'))
    const [from, to] = [join(folder, 'list'), join(folder, 'breaches.lkb')]
    writeFileSync(from, digest(BREACHED))
    await buildBreachFile({ from, to, atLeast: 1, now: clock.now() })
    says(range(GOOD, 7))
    breaches = open(base, true, to)
    expect(await breaches.timesSeen(BREACHED)).toBe(1)
    expect(asked).toEqual([])
    expect(await breaches.timesSeen(GOOD)).toBe(7)
    // a file that cannot be used leaves the service as it is
    rmSync(folder, { recursive: true })
    expect(await breaches.timesSeen(GOOD)).toBe(7)
    expect(asked).toHaveLength(2)
    expect(lines).toHaveLength(1)
  })

  test('is not requested where the check is off', async () => {
    expect(await open(base, false).timesSeen(BREACHED)).toBe(0)
    expect(asked).toEqual([])
  })
})

describe('a service that does not answer correctly', () => {
  const bad: [string, string, () => void][] = [
    ['a redirect', 'the answer has status 302', () => says('', 302, { location: `${base}elsewhere` })],
    ['500', 'the answer has status 500', () => says(range(BREACHED, 384), 500)],
    ['429', 'the answer has status 429', () => says('slow down', 429)],
    ['a page of a captive portal', 'the answer is not a range', () => says('<html>Welcome, guest</html>')],
    ['a line cut short', 'the answer is not a range', () => says(range(BREACHED, 384).slice(0, -20))],
    ['a count that is none', 'the answer is not a range', () => says(range(BREACHED, '-1'))],
    ['bytes', 'the answer is not a range', () => says(String.fromCharCode(0, 255, 7).repeat(1000))],
    ['300 kB', 'the answer exceeds 262144 bytes', () => says(`${padding.join('\n')}\n`.repeat(9))],
    ['endless lines', 'the answer exceeds 262144 bytes', () => { answer = endless }],
    ['a connection cut', 'ECONNRESET', () => { answer = (request) => void request.socket.destroy() }],
    ['nothing', 'no answer within 2000 ms', () => { answer = () => {} }],
    ['a drop a second', 'no answer within 2000 ms', () => { answer = slow }],
  ] // biome-ignore format: a table

  /** Endless, as fast as it is read, until the client closes the connection. */
  function endless(_: IncomingMessage, response: ServerResponse): void {
    const timer = setInterval(() => response.write(`${padding.join('\n')}\n`), 1)
    response.once('close', () => clearInterval(timer))
  }
  function slow(_: IncomingMessage, response: ServerResponse): void {
    const timer = setInterval(() => response.write(`${padding[0]}\n`), 500)
    response.once('close', () => clearInterval(timer))
  }

  test.each(bad)('but with %s accepts the password, with a warning', async (_, reason, play) => {
    play()
    const began = clock.ticks()
    expect(await breaches.timesSeen(BREACHED)).toBe(0)
    expect(clock.ticks() - began).toBeLessThan(4000)
    expect(asked).toHaveLength(1)
    expect(lines).toHaveLength(1)
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      level: 'warn',
      reason,
      msg: 'breach check skipped: the service does not answer',
    })
    // neither the password nor any part of its hash, not even the prefix
    for (const secret of [BREACHED, digest(BREACHED).slice(0, 5), base])
      expect(lines[0]?.toUpperCase()).not.toContain(secret.toUpperCase())
  })

  test('or that refuses connections accepts the password', async () => {
    await new Promise<void>((listening) => {
      const gone = createServer().listen(0, '127.0.0.1', () => {
        breaches = open(`http://127.0.0.1:${(gone.address() as AddressInfo).port}/`)
        gone.close(() => listening())
      })
    })
    expect(await breaches.timesSeen(BREACHED)).toBe(0)
    expect(JSON.parse(lines[0] ?? '').reason).toBe('ECONNREFUSED')
  })

  test('is not called for a minute, and then called again', async () => {
    says('', 503)
    await Promise.all([breaches.timesSeen(BREACHED), breaches.timesSeen(GOOD)])
    says(range(BREACHED, 384))
    expect(await breaches.timesSeen(BREACHED)).toBe(0)
    expect([asked.length, lines.length]).toEqual([2, 1])
    clock.advance(61_000)
    expect(await breaches.timesSeen(BREACHED)).toBe(384)
  })

  test('has at most 32 concurrent requests', async () => {
    const waiting: ServerResponse[] = []
    answer = (_, response) => void waiting.push(response)
    const all = Promise.all(Array.from({ length: 100 }, () => breaches.timesSeen(BREACHED)))
    await expect.poll(() => waiting.length).toBe(32)
    for (const response of waiting) response.end(range(BREACHED, 1))
    expect((await all).filter((times) => times === 1)).toHaveLength(32)
    says(range(BREACHED, 1))
    expect(await breaches.timesSeen(BREACHED)).toBe(1)
  })

  test('fails the check of the doctor', async () => {
    says(range('password', 9))
    await expect(breaches.check()).resolves.toBeUndefined()
    says('', 500)
    await expect(breaches.check()).rejects.toThrow('the answer has status 500')
  })
})
