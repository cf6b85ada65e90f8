/** The body of a request: its bytes as they arrive, its end, and connections that end before it. */
import { createServer, type Server } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Problem } from '../../errors.ts'
import { readBody } from './body.ts'

const LIMIT = 100
const FORM = 'content-type: application/x-www-form-urlencoded'

let server: Server
let settled: Promise<unknown>

beforeAll(async () => {
  server = createServer((req, res) => {
    settled = readBody(req, LIMIT).catch((error: unknown) => (error instanceof Problem ? error.code : error))
    void settled.then((outcome) => res.end(JSON.stringify(outcome)))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})
afterAll(() => new Promise((resolve) => server.close(resolve)))

const head = (length: number, type = FORM): string =>
  `POST / HTTP/1.1\r\nhost: x\r\n${type}\r\ncontent-length: ${length}\r\n\r\n`

/** Sends the parts, each in a packet, on one connection. */
async function sent(...parts: readonly (string | Buffer)[]): Promise<Socket> {
  const socket = connect({ port: (server.address() as AddressInfo).port, noDelay: true })
  const arrived = new Promise((resolve) => server.once('request', resolve))
  for (const [at, part] of parts.entries()) {
    socket.write(part)
    if (at === 0) await arrived
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  return socket
}

async function outcomeOf(...parts: readonly (string | Buffer)[]): Promise<unknown> {
  const socket = await sent(...parts)
  try {
    return await settled
  } finally {
    socket.destroy()
  }
}

describe('the body of a request', () => {
  it('is read in one piece and in several', async () => {
    expect(await outcomeOf(`${head(7)}a=1&b=2`)).toEqual({ a: '1', b: '2' })
    expect(await outcomeOf(head(7), 'a=1', '&b', '=2')).toEqual({ a: '1', b: '2' })
  })

  it('is UTF-8, also where a character is in two pieces, without a byte order mark', async () => {
    const text = Buffer.from('a=zürich')
    expect(await outcomeOf(head(text.length), text.subarray(0, 4), text.subarray(4))).toEqual({ a: 'zürich' })
    const marked = Buffer.from('\ufeffa=zürich')
    expect(await outcomeOf(head(marked.length), marked)).toEqual({ a: 'zürich' })
    expect(await outcomeOf(head(3), Buffer.from([0x61, 0x3d, 0xfc]))).toBe('BAD_REQUEST')
  })

  it('may be shorter than its limit only, announced or not', async () => {
    expect(await outcomeOf(head(LIMIT + 1))).toBe('PAYLOAD_TOO_LARGE')
    const chunked = `POST / HTTP/1.1\r\nhost: x\r\n${FORM}\r\ntransfer-encoding: chunked\r\n\r\n`
    const chunk = `40\r\n${'a'.repeat(64)}\r\n`
    expect(await outcomeOf(chunked, chunk, chunk, chunk, '0\r\n\r\n')).toBe('PAYLOAD_TOO_LARGE')
  })

  it('ends early with its connection', async () => {
    const socket = await sent(head(7), 'a=1')
    socket.destroy()
    expect(await settled).toBe('BAD_REQUEST')
  })

  it('may be followed by the end of the connection', async () => {
    const socket = await sent(`${head(7)}a=1&b=2`)
    expect(await settled).toEqual({ a: '1', b: '2' })
    socket.resetAndDestroy()
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(await outcomeOf(`${head(7)}a=1&b=2`)).toEqual({ a: '1', b: '2' })
  })
})
