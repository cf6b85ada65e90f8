/**
 * The door of the HTTP room. It turns requests into frozen Calls, holds them against the route table, and
 * hands what rows answer to base/present. It owns credentials' way in, CSRF, CORS, limits, body parsing,
 * health, OpenAPI and the docs page; it knows no feature: sessions come in as an Authenticator, pages as two
 * functions that draw documents.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Config } from '../../config.ts'
import type { Clock } from '../clock.ts'
import type { Keyring } from '../crypto.ts'
import { isUnreachable } from '../db/faults.ts'
import { problem } from '../errors.ts'
import type { Limits } from '../limits/index.ts'
import type { Log } from '../log/index.ts'
import { presenter } from '../present/index.ts'
import { docsRow } from './docs/docs.tsx'
import { DOCS_STYLE } from './docs/docs-style.ts'
import { type OpenApi, openApi } from './docs/openapi.ts'
import type { Authenticator, MembershipLookup } from './request/authenticate.ts'
import { originCheck } from './request/csrf.ts'
import { type Exchange, reader } from './request/exchange.ts'
import { badRequest } from './request/text.ts'
import type { Row } from './row/route.ts'
import { type Asset, assetHandler } from './serve/assets.ts'
import { downloadHandler } from './serve/downloads.ts'
import { healthRows, type Readiness } from './serve/health.ts'
import { type PageHouse, type PageRenderer, pageHandler } from './serve/pages.ts'
import { refuse } from './serve/refuse.ts'
import { formOf } from './serve/return-path.ts'
import { BOUNDS, type Bounds, drainOf, makeServer, mount } from './serve/server.ts'
import { apiHandler, type Denied, type Handler } from './serve/steps.ts'
import { type Streams, streams } from './serve/streams.ts'

export { csrfRows } from './request/csrf.ts'
export type { Asset } from './serve/assets.ts'
export type { Readiness } from './serve/health.ts'
export type { PageContent, PageRenderer } from './serve/pages.ts'
export type { Denied } from './serve/steps.ts'

export interface HttpOptions extends PageRenderer {
  tools: { config: Config; clock: Clock; limits: Limits; log: Log; keyring: Keyring }
  /** Every row of every feature, csrfRows included; health, OpenAPI and the docs page are added here. */
  rows: readonly Row[]
  authenticator: Authenticator
  /** For rows about organizations; without it nobody belongs to any. */
  memberships?: MembershipLookup
  /** Told of a known caller whom a row's permission turned away, before that is answered. */
  denied?: Denied
  assets: readonly Asset[]
  ready(): Promise<Readiness>
  /** Routes that keep a protocol's own answers (OpenID Connect, metrics). They see no parsed body. */
  extra?(app: FastifyInstance): void
  bounds?: Partial<Bounds>
}

export interface Http {
  /** @returns the port, also where 0 was asked for */
  listen(host: string, port: number): Promise<{ port: number }>
  /** Stops accepting and lets what runs end, within a bound. Idempotent. */
  close(): Promise<void>
}

export function createHttp(options: HttpOptions): Http {
  const { config, clock, limits, log, keyring } = options.tools
  const present = presenter(config)
  const house: PageHouse = {
    config,
    limits,
    log,
    keyring,
    present,
    isUnreachable,
    authenticator: options.authenticator,
    memberships: options.memberships ?? (async () => null),
    denied: options.denied ?? (async () => {}),
    reader: reader(config, clock, present.cookies),
    isForeign: originCheck(config),
    renderer: options,
  }
  const bounds = { ...BOUNDS, ...options.bounds }
  const app = makeServer(bounds, {
    refuse: (req, res, failed) => refuse(house, house.reader.open(req, res), failed),
    raw: (failed, requestId) => present.raw(failed, requestId, clock.now()),
  })
  const rows = [...options.rows, ...healthRows(options.ready)]
  const assets = [...options.assets, DOCS_STYLE, openApiAsset(() => openApi(config, rows))]
  const lines = streams(clock, bounds)
  for (const [path, handlers] of table({ house, lines, clock }, [...rows, docsRow(config, rows)], assets)) {
    mount(app, path, handlers, {
      notAllowed: (req, res, allow) => {
        const exchange = house.reader.open(req, res)
        exchange.headers.push('allow', allow)
        refuse(house, exchange, problem('METHOD_NOT_ALLOWED'))
      },
      options: (req, res, allow) => preflight(house, house.reader.open(req, res), allow),
    })
  }
  options.extra?.(app)
  const drain = drainOf(app, bounds)
  let closing: Promise<void> | undefined
  return {
    async listen(host, port) {
      await app.listen({ host, port })
      return { port: (app.server.address() as AddressInfo).port }
    },
    close: () => {
      lines.close()
      closing ??= drain()
      return closing
    },
  }
}

const openApiAsset = (document: () => OpenApi): Asset => ({
  path: '/api/openapi.json',
  type: 'application/json; charset=utf-8',
  body: () => JSON.stringify(document()),
  immutable: false,
})

type Handlers = Map<string, (request: FastifyRequest, res: ServerResponse) => void>

/** What rows are answered with, of every kind. */
interface Means {
  house: PageHouse
  lines: Streams
  clock: Clock
}

/** Path → method → handler. @throws where two rows claim the same place */
function table(means: Means, rows: readonly Row[], assets: readonly Asset[]): Map<string, Handlers> {
  const { house } = means
  const paths = new Map<string, Handlers>()
  const add = (
    method: string,
    path: string,
    handle: (request: FastifyRequest, res: ServerResponse) => void,
  ): void => {
    const handlers: Handlers = paths.get(path) ?? new Map()
    if (handlers.has(method)) throw new Error(`two rows answer ${method} ${path}`)
    handlers.set(method, handle)
    paths.set(path, handlers)
  }
  for (const row of rows) {
    const handle = handlerOf(means, row, rows)
    add(row.method, row.path, (request, res) => {
      if (hasNoHost(request.raw))
        refuse(house, house.reader.open(request.raw, res), badRequest('There is no Host header.'))
      else void handle(request, res)
    })
  }
  for (const asset of assets) {
    const handle = assetHandler(house.present, asset)
    add('GET', asset.path, (request, res) => handle(house.reader.open(request.raw, res)))
  }
  return paths
}

function handlerOf({ house, lines, clock }: Means, row: Row, rows: readonly Row[]): Handler {
  if (row.kind === 'stream') return lines.handler(house, row)
  if (row.kind === 'download') return downloadHandler(house, row, clock)
  return row.kind === 'page' ? pageHandler(house, row, formOf(row, rows)) : apiHandler(house, row)
}

/** RFC 9112 §3.2 */
const hasNoHost = (req: IncomingMessage): boolean =>
  req.headers.host === undefined && req.httpVersion === '1.1'

function preflight(house: PageHouse, exchange: Exchange, allow: string): void {
  house.reader.cors.preflight(exchange.req, exchange.headers, allow)
  house.present.empty(exchange, 204)
}
