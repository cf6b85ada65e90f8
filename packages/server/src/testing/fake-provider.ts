/**
 * Scripted identity providers of tests: one HTTP server on 127.0.0.1 that answers as each real one does (provider-quirks.ts), is as
 * strict as it about its client, and does on request what no honest provider does.
 *
 * Hosts that a row fixes, such as accounts.google.com, are reached by `network`: a server that is started with it requests
 * `http://127.0.0.1:PORT/~accounts.google.com/…` instead. A browser is sent there by `local(url)`.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Network } from '../base/outbound/request.ts'
import {
  type FakeId, type FakeProvider, type FakeState, type Fault, isOfClient, newState, respond, unescaped,
} from './fake-provider-answers.ts' // biome-ignore format: a list
import { QUIRKS, SELF } from './provider-quirks.ts'

/** What a browser brings to the callback. */
export interface Callback {
  method: 'GET' | 'POST'
  /** With the query of a GET. */
  url: string
  parameters: Record<string, string>
}

export interface FakeProviders {
  /** For LATCHKEY_CONNECTION_HOSTS. */
  host: string
  network: Network
  provider(id: FakeId): FakeProvider
  /** The addresses that were requested so far, `METHOD https://…`. */
  requests: string[]
  /** Where a browser finds an address of a provider. */
  local(url: string): string
  /** Signs the user in at an authorization URL, as a browser does. @throws where the provider refuses the request */
  authorize(url: string): Promise<Callback>
  close(): Promise<void>
}

/** @param clock that of the server under test: ID tokens are issued by it */
export async function startFakeProviders(clock: { now(): Date }): Promise<FakeProviders> {
  const all = new Map<FakeId, FakeState>()
  const requests: string[] = []
  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      if (response.headersSent) response.destroy()
      else send(response, 500, { error: 'fake_failed', error_description: String(error) })
    })
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const { port } = server.address() as AddressInfo
  const origin = `http://127.0.0.1:${port}`
  const own = <T>(value: T): T => JSON.parse(JSON.stringify(value).replaceAll(SELF, origin)) as T
  for (const id of Object.keys(QUIRKS) as FakeId[]) all.set(id, newState(id, own))

  /** The address that was meant, and the provider that it belongs to. */
  function meant(request: IncomingMessage): { url: URL; fake: FakeState; part: string } {
    const [, host, rest] = /^\/~([^/]+)(\/.*)$/.exec(request.url ?? '') ?? []
    const url = new URL(host ? `https://${host}${rest}` : `${origin}${request.url}`)
    const plain = `${url.origin}${url.pathname}`
    for (const fake of all.values()) {
      const found = Object.entries(fake.parts).find(([, address]) => address === plain)
      if (found && isOfClient(fake, request, url)) return { url, fake, part: found[0] }
    }
    throw new Error(`nothing answers at ${plain}`)
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = ''
    for await (const chunk of request) body += chunk
    const { url, fake, part } = meant(request)
    requests.push(`${request.method} ${url.origin}${url.pathname}`)
    const form = Object.fromEntries(new URLSearchParams(body))
    const fault = faultAt(fake, part)
    if (fault !== undefined) {
      fail(response, fault, origin)
      return
    }
    const answer = respond(fake, part, url, request, form, clock)
    send(response, answer.status, answer.body, answer.headers)
  }

  const local = (url: string): string => {
    const { host, pathname, search, protocol } = new URL(url)
    return protocol === 'http:' ? url : `${origin}/~${host}${pathname}${search}`
  }
  return {
    host: `127.0.0.1:${port}`,
    network: {
      // nothing outside of this machine is looked up
      resolve: async () => [{ address: '127.0.0.1', family: 4 }],
      isPublic: () => true,
      instead: (url) => (url.protocol === 'http:' ? url : new URL(local(url.href))),
    },
    provider(id) {
      const fake = all.get(id)
      if (!fake) throw new Error(`no fake ${id}`)
      return fake
    },
    requests,
    local,
    async authorize(url) {
      const response = await fetch(local(url), { redirect: 'manual' })
      const text = await response.text()
      const location = response.headers.get('location')
      if (location) {
        const parameters = Object.fromEntries(new URL(location).searchParams)
        return { method: 'GET', url: location, parameters }
      }
      const [, action] = /action="([^"]+)"/.exec(text) ?? []
      if (response.status !== 200 || !action) throw new Error(`the provider refused: ${text}`)
      const inputs = text.matchAll(/name="([^"]+)" value="([^"]*)"/g)
      const parameters = [...inputs].map(([, name = '', value = '']) => [name, unescaped(value)])
      return { method: 'POST', url: action, parameters: Object.fromEntries(parameters) }
    },
    async close() {
      server.closeAllConnections()
      await new Promise((closed) => server.close(closed))
    },
  }
}

/** The fault that the script has for an address. */
function faultAt({ script }: FakeState, part: string): Fault | undefined {
  if (part === 'authorize' || part === 'revocation') return undefined
  if (part === 'discovery' || part === 'jwks' || part === 'token' || part === 'userinfo') return script[part]
  return script.api
}

function send(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers }).end(text)
}

function fail(response: ServerResponse, fault: Fault, origin: string): void {
  if (typeof fault === 'object') {
    send(response, fault.status, fault.body)
    return
  }
  switch (fault) {
    case 'html':
      send(response, 200, '<!doctype html><p>maintenance', { 'content-type': 'text/html' })
      break
    case 'text':
      send(response, 200, 'not json', { 'content-type': 'text/plain' })
      break
    case 'redirect':
      send(response, 302, '', { location: `${origin}/elsewhere` })
      break
    case 'huge':
      send(response, 200, JSON.stringify({ filler: 'x'.repeat(300_000) }))
      break
    case 'down':
      response.destroy()
      break
    case 'slow':
      // the head comes, the rest never
      response.writeHead(200, { 'content-type': 'application/json' }).write('{')
  }
}
