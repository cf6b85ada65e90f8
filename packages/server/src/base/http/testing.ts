/** Test helpers of base/http: a server of a few rows on a real socket, and requests written byte by byte. */
import { connect } from 'node:net'
import { afterAll } from 'vitest'
import { z } from 'zod'
import type { Config } from '../../config.ts'
import type { CallSession } from '../call.ts'
import { type Clock, systemClock } from '../clock.ts'
import { keyring } from '../crypto.ts'
import { problem } from '../errors.ts'
import { createLimits, type LimitStore } from '../limits/index.ts'
import type { Log } from '../log/index.ts'
import { createMetrics, type Metrics } from '../metrics/index.ts'
import type { Tracer } from '../traces/index.ts'
import { createHttp, type HttpOptions } from './index.ts'
import type { Authenticator, Verdict } from './request/authenticate.ts'
import { type Operation, type OperationFields, operation } from './row/operation.ts'
import type { ApiFace, DownloadFace, PageFace, ProtocolFace, Row, StreamFace } from './row/route.ts'
import * as rows from './row/route.ts'

export const settings = (changes: Partial<Config> = {}): Config =>
  ({
    profile: 'testing',
    publicUrl: 'http://127.0.0.1:4000',
    trustedProxies: [],
    rateLimits: 'off',
    challenge: 'on',
    envelope: 'standard',
    corsOrigins: [],
    returnOrigins: [],
    brandLogo: null,
    apiKeyInQuery: false,
    compat: [],
    defaultLocale: 'en',
    drain: 0,
    accessLog: false,
    ...changes,
  }) as Config

/** `lk_live_ada` is an API key of Ada. Sessions: `st_ada`, `st_ben`; `st_old` has expired; `st_late` authenticated an hour ago. */
export const people: Authenticator = {
  async check(credential, now) {
    if (credential.kind === 'api_key') return keyOfAda(credential.token)
    if (credential.kind !== 'session') return { refused: problem('INVALID_TOKEN') }
    const { token, via } = credential
    if (token === 'st_old') return { refused: problem('SESSION_EXPIRED') }
    const name = /^st_(ada|ben|late)$/.exec(token)?.[1]
    if (!name) return { refused: problem('INVALID_TOKEN') }
    const hour = 3_600_000
    const session: CallSession = {
      id: `ses_${name}`,
      via,
      createdAt: new Date(now.getTime() - hour),
      authenticatedAt: new Date(now.getTime() - (name === 'late' ? hour : 0)),
      expiresAt: new Date(now.getTime() + hour),
      acr: 'aal1',
      proofs: [],
      actsIn: null,
    }
    const permissions = name === 'ada' ? ['users:*'] : []
    return {
      principal: {
        userId: `usr_${name}`,
        username: name,
        roles: [],
        permissions,
        method: 'session',
        name,
        locale: null,
        keyId: null,
        tokenId: null,
        expiresAt: session.expiresAt,
        amr: ['pwd'],
      },
      session,
    }
  },
}

function keyOfAda(token: string): Verdict {
  if (token !== 'lk_live_ada') return { refused: problem('INVALID_API_KEY') }
  const user = { userId: 'usr_ada', username: 'ada', name: 'ada', roles: [], permissions: ['users:read'] }
  const key = { method: 'api_key', keyId: 'key_ada', tokenId: null, expiresAt: null, amr: [] } as const
  return { principal: { ...user, ...key, locale: null }, session: null }
}

export interface Logged {
  level: string
  fields: Record<string, unknown>
  message: string
}

export interface Serving {
  url: string
  port: number
  clock: ReturnType<typeof systemClock>
  logged: Logged[]
  metrics: Metrics
  close(): Promise<void>
  /** A request by fetch that follows no redirect. */
  ask(path: string, init?: RequestInit): Promise<HttpResponse>
  /** Sends bytes unchanged; resolves with all bytes received until the server closed the connection or sent no more. */
  raw(text: string | Buffer, options?: { silence?: number; then?: string }): Promise<string>
}
export interface HttpResponse {
  status: number
  headers: Headers
  text: string
  // biome-ignore lint/suspicious/noExplicitAny: tests read bodies without types
  json: any
}

export type ServingOptions = Partial<Omit<HttpOptions, 'tools' | 'rows'>> & {
  config?: Partial<Config>
  /** The store of the rate limits; default: the memory of the process. */
  store?: LimitStore
  /** Traces the requests. */
  tracer?(tools: { clock: Clock; log: Log }): Tracer
}

const running: { close(): Promise<void> }[] = []
afterAll(async () => {
  await Promise.all(running.splice(0).map((server) => server.close()))
})

export async function serve(rows: readonly Row[], options: ServingOptions = {}): Promise<Serving> {
  const clock = systemClock()
  const logged: Logged[] = []
  const write = (level: string) => (fields: Record<string, unknown>, message: string) => {
    logged.push({ level, fields, message })
  }
  const log = { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') }
  const { config, store = null, tracer, ...rest } = options
  const limits = createLimits({ store, log })
  const metrics = createMetrics()
  const http = createHttp({
    tools: {
      metrics,
      tracer: tracer?.({ clock, log }) ?? null,
      config: settings(config),
      clock,
      log,
      limits: { usual: limits, exact: limits },
      keyring: keyring('a secret for tests'),
    },
    rows,
    authenticator: people,
    assets: [],
    ready: async () => ({ ready: true, checks: { database: true } }),
    renderPage: (_call, { page, title, status, csrfToken }) =>
      `<!doctype html><title>${title}</title><meta name="csrf-token" content="${csrfToken}"><p data-status="${status}">${page.props.children}</p>`,
    renderProblem: (call, failed, csrfToken, path) =>
      `<!doctype html><title>${failed.code}</title><p data-token="${csrfToken}" data-name="${call.principal?.name ?? ''}" data-retry="${path.retry}" data-return-to="${path.returnTo ?? ''}">`,
    ...rest,
  })
  const { port } = await http.listen('127.0.0.1', 0)
  running.push(http)
  const url = `http://127.0.0.1:${port}`
  return {
    url,
    port,
    clock,
    logged,
    metrics,
    close: () => http.close(),
    ask: (path, init) => ask(url + path, init),
    raw: (text, how) => raw(port, text, how),
  }
}

async function ask(url: string, init: RequestInit = {}): Promise<HttpResponse> {
  const response = await fetch(url, { redirect: 'manual', ...init })
  const text = await response.text()
  const isJson = /json/.test(response.headers.get('content-type') ?? '')
  return {
    status: response.status,
    headers: response.headers,
    text,
    json: isJson && text ? JSON.parse(text) : null,
  }
}

function raw(
  port: number,
  text: string | Buffer,
  { silence = 400, then }: { silence?: number; then?: string } = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    let received = ''
    const done = (): void => {
      socket.destroy()
      resolve(received)
    }
    socket.setTimeout(silence, done)
    socket.on('data', (chunk) => {
      received += chunk
    })
    socket.on('close', done)
    socket.on('error', (error: NodeJS.ErrnoException) =>
      error.code === 'ECONNRESET' ? done() : reject(error),
    )
    socket.write(text)
    if (then !== undefined) setTimeout(() => socket.write(then), 50)
  })
}

/** A cookie header for one of the people. */
export const signedInAs = (name: string): Record<string, string> => ({ cookie: `lk_session=st_${name}` })

/** The cookies that the Set-Cookie headers set, by name. */
export function cookiesOf(answered: HttpResponse): Record<string, string> {
  return Object.fromEntries(
    answered.headers.getSetCookie().map((line) => {
      const [pair = ''] = line.split(';', 1)
      return [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]
    }),
  )
}

/** A row that is the only face of its operation, written as one object. */
type Flat<F extends { of: Operation }> = Omit<F, 'of' | 'name'> & Operation
const OPERATION_FIELDS: Record<keyof OperationFields | 'needs' | 'open' | 'audit' | 'quiet', true> = {
  name: true, summary: true, needs: true, open: true, organization: true, deletedToo: true, fresh: true, limit: true,
  audit: true, quiet: true, anyProof: true, errors: true, anonymous: true, hashes: true, forProxies: true,
} // biome-ignore format: a list

function faceOf<F extends { of: Operation }>(flat: Flat<F>): F {
  const [fields, face] = [true, false].map((isOfOperation) =>
    Object.fromEntries(Object.entries(flat).filter(([name]) => name in OPERATION_FIELDS === isOfOperation)),
  )
  return { ...face, of: operation(fields as unknown as Operation) } as unknown as F
}

/** An API row; its message is its summary unless the test gives one. */
export const route = <I, O>(flat: Omit<Flat<ApiFace<I, O>>, 'message'> & { message?: string }) =>
  rows.route(faceOf<ApiFace<I, O>>({ message: `${flat.summary}.`, ...flat } as Flat<ApiFace<I, O>>))
export const page = <I>(flat: Flat<PageFace<I>>) => rows.page(faceOf<PageFace<I>>(flat))
export const stream = <I>(
  flat: Omit<Flat<StreamFace<I>>, 'method' | 'tag' | 'output'> & { method?: 'GET'; tag?: string },
) =>
  rows.stream(
    faceOf<StreamFace<I>>({ tag: 'Test', output: z.string(), ...flat, method: 'GET' } as unknown as Flat<
      StreamFace<I>
    >),
  )
export const download = <I>(flat: Omit<Flat<DownloadFace<I>>, 'method'>) =>
  rows.download(faceOf<DownloadFace<I>>({ ...flat, method: 'GET' } as Flat<DownloadFace<I>>))
export const protocol = <I, O>(flat: Omit<Flat<ProtocolFace<I, O>>, 'message' | 'tag'>) =>
  rows.protocol(
    faceOf<ProtocolFace<I, O>>({ message: `${flat.summary}.`, tag: 'Test', ...flat } as Flat<
      ProtocolFace<I, O>
    >),
  )
