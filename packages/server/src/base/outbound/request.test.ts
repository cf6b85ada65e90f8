/** Outbound requests to real servers on this machine, which count as public or not by the network of each test. */
import type { LookupAddress } from 'node:dns'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../clock.ts'
import { isPublicAddress } from './public-address.ts'
import { NoAnswer, type OutboundRequest, request } from './request.ts'

let server: Server
let port: number
let received: { request: IncomingMessage; body: string }[]
let answer: (request: IncomingMessage, response: ServerResponse) => void
beforeAll(async () => {
  server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    received.push({ request, body })
    answer(request, response)
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  port = (server.address() as AddressInfo).port
})
afterAll(async () => {
  server.closeAllConnections()
  await new Promise((closed) => server.close(closed))
})
beforeEach(() => {
  received = []
  answer = (_, response) =>
    void response.writeHead(200, { 'content-type': 'Text/Plain; charset=utf-8' }).end('hello')
})

const clock = systemClock()
const wanted = (url: string, more: Partial<OutboundRequest> = {}): OutboundRequest => ({
  method: 'GET',
  url,
  headers: {},
  timeoutMs: 1000,
  maxBytes: 1000,
  allowPrivate: false,
  ...more,
})
const addresses = (...all: string[]): LookupAddress[] =>
  all.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))

/** A network whose names have these addresses, one list for each look-up; loopback addresses are public if `isPublic`. */
function network(lists: LookupAddress[][], publicHere = false) {
  const asked: string[] = []
  return {
    asked,
    async resolve(hostname: string) {
      asked.push(hostname)
      const list = lists[asked.length - 1]
      if (!list) throw Object.assign(new Error(`getaddrinfo ENOTFOUND ${hostname}`), { code: 'ENOTFOUND' })
      return list
    },
    isPublic: (address: string) => (publicHere && address === '127.0.0.1') || isPublicAddress(address),
  }
}
const reasonOf = async (what: Promise<unknown>): Promise<string> => {
  const error = await what.catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(NoAnswer)
  return (error as Error).message
}

describe('a request', () => {
  test('by POST sends its body and headers, and returns status, type and text of any status', async () => {
    answer = (_, response) =>
      void response
        .writeHead(400, { 'content-type': 'application/json;charset=UTF-8' })
        .end('{"error":"invalid_grant"}')
    const headers = { 'content-type': 'application/x-www-form-urlencoded', 'user-agent': 'Latchkey' }
    const url = `http://app.example.com:${port}/token?x=1`
    const post = wanted(url, { method: 'POST', headers, body: 'code=ä' })
    expect(await request(post, network([addresses('127.0.0.1')], true))).toEqual({
      status: 400,
      type: 'application/json',
      cacheControl: '',
      retryAfter: '',
      text: '{"error":"invalid_grant"}',
    })
    const [{ request: came, body } = { request: null, body: '' }] = received
    expect([came?.method, came?.url, body]).toEqual(['POST', '/token?x=1', 'code=ä'])
    expect(came?.headers).toMatchObject({
      ...headers,
      host: `app.example.com:${port}`,
      'content-length': '7',
    })
  })

  test('by GET to a URL of the operator may connect to this machine', async () => {
    const answered = await request(wanted(`http://127.0.0.1:${port}/`, { allowPrivate: true }))
    expect(answered).toEqual({
      status: 200,
      type: 'text/plain',
      cacheControl: '',
      retryAfter: '',
      text: 'hello',
    })
    expect((await request(wanted(`http://localhost:${port}/`, { allowPrivate: true }))).text).toBe('hello')
  })

  test('does not follow redirects', async () => {
    answer = (_, response) => void response.writeHead(307, { location: 'http://127.0.0.1/elsewhere' }).end()
    const url = `http://app.example.com:${port}/`
    const answered = await request(wanted(url), network([addresses('127.0.0.1')], true))
    expect([answered.status, received.length]).toEqual([307, 1])
  })
})

describe('a request that is limited to public addresses', () => {
  test.each([
    'http://127.0.0.1', 'http://2130706433', 'http://0x7f.1', 'http://0177.0.0.1', 'http://[::1]', 'http://[::ffff:127.0.0.1]',
    'http://[::ffff:7f00:1]', 'http://[fe80::1]', 'http://169.254.169.254', 'http://10.0.0.1', 'http://[fd00::1]', 'http://0.0.0.0',
  ])('does not connect to %s', async (url) => {
    const none = network([])
    expect(await reasonOf(request(wanted(`${url}:${port}/`), none))).toBe('the address is not public')
    expect([none.asked, received]).toEqual([[], []])
  }) // biome-ignore format: a table

  test.each([
    ['this machine', ['127.0.0.1']],
    ['a private network', ['192.168.1.1']],
    ['the metadata of a cloud', ['169.254.169.254']],
    ['this machine, as an IPv4-mapped address', ['::ffff:127.0.0.1']],
    ['this machine beside a public one', ['93.184.216.34', '127.0.0.1']],
    ['nothing', []],
  ])('does not connect to a name that resolves to %s', async (_, list) => {
    const url = `http://rebind.example.com:${port}/`
    expect(await reasonOf(request(wanted(url), network([addresses(...list)])))).toBe(
      'the address is not public',
    )
    expect(received).toEqual([])
  })

  test('does not connect to localhost as this machine resolves it', async () => {
    expect(await reasonOf(request(wanted(`http://localhost:${port}/`)))).toBe('the address is not public')
    expect(received).toEqual([])
  })

  test('resolves the name once and connects to the checked address', async () => {
    const rebinding = network([addresses('127.0.0.1'), addresses('10.0.0.1')], true)
    const url = `http://rebind.example.com:${port}/`
    expect((await request(wanted(url), rebinding)).text).toBe('hello')
    expect(rebinding.asked).toEqual(['rebind.example.com'])
    // the second request resolves and checks the name again: no connection is kept
    expect(await reasonOf(request(wanted(url), rebinding))).toBe('the address is not public')
    expect(received).toHaveLength(1)
  })

  test('reports why it failed, without the address', async () => {
    expect(await reasonOf(request(wanted('https://gone.example.com/'), network([])))).toBe('ENOTFOUND')
  })
})

describe('a failed request', () => {
  const drops = (response: ServerResponse) => {
    const timer = setInterval(() => response.write('a drop'), 200)
    response.once('close', () => clearInterval(timer))
  }
  const bad: [string, string, (request: IncomingMessage, response: ServerResponse) => void][] = [
    ['too long', 'the answer exceeds 1000 bytes', (_, response) => void response.end('x'.repeat(1001))],
    ['compressed', 'the answer has a content encoding that was not requested', (_, response) => void response.writeHead(200, { 'content-encoding': 'gzip' }).end('x')],
    ['slow', 'no answer within 1000 ms', (_, response) => drops(response)],
    ['never begun', 'no answer within 1000 ms', () => {}],
    ['cut off', 'ECONNRESET', (_, response) => void response.writeHead(200, { 'content-length': '500' }).write('x', () => response.destroy())],
    ['of another protocol', 'HPE_INVALID_CONSTANT', (request) => void request.socket.end('SSH-2.0-OpenSSH\r\n')],
  ] // biome-ignore format: a table

  test.each(bad)('has an answer that is %s', async (_, reason, play) => {
    answer = play
    const began = clock.ticks()
    expect(await reasonOf(request(wanted(`http://127.0.0.1:${port}/`, { allowPrivate: true })))).toBe(reason)
    expect(clock.ticks() - began).toBeLessThan(3000)
  })

  test('has a name that resolves too slowly', async () => {
    const slow = { ...network([]), resolve: () => new Promise<LookupAddress[]>(() => {}) }
    expect(await reasonOf(request(wanted('https://slow.example.com/', { timeoutMs: 100 }), slow))).toBe(
      'no answer within 100 ms',
    )
  })

  test.each([
    ['ftp://example.com/', 'the address is not an HTTP URL'],
    ['file:///etc/passwd', 'the address is not an HTTP URL'],
    ['not a url', 'the address is not an HTTP URL'],
    [`https://${'user:secret'}@example.com/`, 'the address contains a credential'],
  ])('has the invalid URL %s', async (url, reason) => {
    expect(await reasonOf(request(wanted(url, { allowPrivate: true })))).toBe(reason)
  })

  test('has plain HTTP in place of TLS', async () => {
    const url = `https://127.0.0.1:${port}/`
    expect(await reasonOf(request(wanted(url, { allowPrivate: true })))).toMatch(
      /^(EPROTO|ERR_SSL|ECONNRESET)/,
    )
  })
})
