import { setTimeout as pause } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { problem } from '../../errors.ts'
import type { EventStream, Row } from '../row/route.ts'
import { people, serve, stream } from '../testing.ts'

const lines: EventStream[] = []
let isReady = true
const rows: Row[] = [
  stream({
    name: 'test.events',
    method: 'GET',
    path: '/api/v1/events',
    summary: 'Hear',
    needs: 'users:read',
    quiet: 'a test',
    input: z.object({}),
    assertReady() {
      if (!isReady) throw problem('UNAVAILABLE')
    },
    run: async (_call, _input, line) => {
      lines.push(line)
      line.send('hello', { from: line.lastEventId }, 'one')
    },
  }),
]

/** Reads until the server ends the stream, or `until` returns true. */
async function hear(url: string, headers: Record<string, string> = {}, enough?: (text: string) => boolean) {
  const cut = new AbortController()
  const response = await fetch(`${url}/api/v1/events`, {
    headers: { authorization: 'Bearer st_ada', ...headers },
    signal: cut.signal,
  })
  let text = ''
  try {
    for await (const chunk of response.body ?? []) {
      text += Buffer.from(chunk).toString()
      if (enough?.(text)) cut.abort()
    }
  } catch {}
  return { status: response.status, headers: response.headers, text }
}

describe('a stream', () => {
  it('sends events from the requested cursor', async () => {
    const { url } = await serve(rows)
    const first = await hear(url, {}, (text) => text.includes('\n\n'))
    expect([first.status, first.headers.get('content-type')]).toEqual([
      200,
      'text/event-stream; charset=utf-8',
    ])
    expect(first.headers.get('cache-control')).toBe('no-store')
    expect(first.text).toBe('event: hello\nid: one\ndata: {"from":null}\n\n')
    const second = await hear(url, { 'last-event-id': 'one' }, (text) => text.includes('\n\n'))
    expect(second.text).toContain('{"from":"one"}')
  })

  it('is refused like any other request, before it begins', async () => {
    const { url } = await serve(rows)
    expect((await hear(url, { authorization: 'Bearer st_ben' })).status).toBe(403)
    expect((await hear(url, { authorization: 'Bearer st_old' })).status).toBe(401)
    isReady = false
    expect((await hear(url)).status).toBe(503)
    isReady = true
  })

  it('is bounded in number', async () => {
    const { url } = await serve(rows, { bounds: { maxStreams: 2 } })
    const cuts = [new AbortController(), new AbortController()]
    for (const { signal } of cuts)
      expect(
        (await fetch(`${url}/api/v1/events`, { headers: { authorization: 'Bearer st_ada' }, signal })).status,
      ).toBe(200)
    expect((await hear(url)).status).toBe(503)
    for (const cut of cuts) cut.abort()
    await expect.poll(async () => (await hear(url, {}, (text) => text.includes('\n\n'))).status).toBe(200)
  })

  it('sends heartbeats, and ends when the caller is no longer authenticated or authorized', async () => {
    for (const verdict of ['refused', 'forbidden'] as const) {
      let isOver = false
      const authenticator: typeof people = {
        async check(credential, now) {
          if (!isOver) return people.check(credential, now)
          if (verdict === 'refused') return { refused: problem('INVALID_TOKEN') }
          return people.check({ kind: 'session', token: 'st_ben', via: 'bearer' }, now)
        },
      }
      const { url } = await serve(rows, { authenticator, bounds: { heartbeat: 30 } })
      const { text } = await hear(url, {}, (so_far) => {
        isOver = so_far.includes(': beat\n\n: beat\n\n')
        return false
      })
      expect(text).toContain(': beat\n\n')
    }
  })

  it('ends when the server closes, without delaying it', async () => {
    const server = await serve(rows)
    const heard = hear(server.url)
    await expect.poll(() => lines.at(-1)?.isOpen).toBe(true)
    await pause(50)
    const closed = server.close().then(() => 'closed')
    expect(await Promise.race([closed, pause(3000, 'held up')])).toBe('closed')
    expect((await heard).text).toContain('hello')
  })

  it('that is not read is disconnected instead of buffered without bound', async () => {
    const server = await serve(rows)
    const { connect } = await import('node:net')
    const socket = connect(server.port, '127.0.0.1')
    socket.pause()
    const before = lines.length
    socket.write('GET /api/v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer st_ada\r\n\r\n')
    await expect.poll(() => lines.length).toBe(before + 1)
    const line = lines.at(-1)
    const text = 'x'.repeat(64 * 1024)
    let sent = 0
    while (line?.isOpen && sent < 2000) {
      line.send('much', text)
      sent += 1
      if (sent % 20 === 0) await pause(1)
    }
    expect(line?.isOpen).toBe(false)
    expect(sent).toBeLessThan(2000)
    socket.destroy()
  })
})
