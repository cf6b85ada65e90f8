/**
 * The HTTP server: turns requests into frozen Calls, passes them through the steps of their row (serve/steps.ts) and
 * hands the row's answer to base/present. Owns authentication, CSRF, CORS, rate limits, body parsing, health, OpenAPI
 * and its viewer. It knows no feature: app.ts hands in an Authenticator, and two functions that render HTML
 * documents.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Config } from '../../config.ts'
import { NO_FACTS } from '../assurance.ts'
import type { Call } from '../call.ts'
import type { Clock } from '../clock.ts'
import type { Keyring } from '../crypto.ts'
import { isUnavailable } from '../db/faults.ts'
import { type Problem, problem } from '../errors.ts'
import type { Eventual } from '../eventual.ts'
import type { Hashing } from '../hashing/index.ts'
import type { RateLimits } from '../limits/index.ts'
import { type Entries, type Log, occasionally } from '../log/index.ts'
import type { Metrics } from '../metrics/index.ts'
import { presenter } from '../present/index.ts'
import type { Tracer } from '../traces/index.ts'
import { type OpenApi, openApi } from './docs/openapi.ts'
import { viewerRow } from './docs/viewer.tsx'
import { REDOC, VIEWER_SCRIPT, VIEWER_STYLE } from './docs/viewer-assets.ts'
import { wantsPage } from './request/accept.ts'
import type { AssuranceLookup } from './request/access.ts'
import type { Authenticator, MembershipLookup } from './request/authenticate.ts'
import { createChallenges } from './request/challenge.ts'
import { cors } from './request/cors.ts'
import { originCheck, senderCheck } from './request/csrf.ts'
import { type Exchange, exchangeOpener, type OpenExchange } from './request/exchange.ts'
import type { Row } from './row/route.ts'
import { accessLog } from './serve/access-log.ts'
import { apiHandler } from './serve/api.ts'
import { type Asset, assetHandler } from './serve/assets.ts'
import { downloadHandler } from './serve/downloads.ts'
import { healthRows, type Readiness, readiness } from './serve/health.ts'
import { type Measured, measured, refusedByLimits } from './serve/measured.ts'
import { type PageContext, type PageRenderer, pageHandler } from './serve/pages.ts'
import { protocolHandler, protocolPreflight } from './serve/protocol.ts'
import { refuse } from './serve/refuse.ts'
import { type AppAhead, formAddress, formAddresses } from './serve/return-path.ts'
import { allowed, type Handler, type Handlers, makeRouter } from './serve/router.ts'
import { BOUNDS, type Bounds, drainOf, type Ending, listen, makeServer } from './serve/server.ts'
import type { DenialRecorder, StepUpBeginner } from './serve/steps.ts'
import { type Streams, streams } from './serve/streams.ts'

export { challengeRows } from './request/challenge.ts'
export { csrfRows } from './request/csrf.ts'
export type { Asset } from './serve/assets.ts'
export type { Readiness } from './serve/health.ts'
export type { PageContent, PageRenderer } from './serve/pages.ts'
export type { AppAhead } from './serve/return-path.ts'
export type { Ending } from './serve/server.ts'
export type { DenialRecorder } from './serve/steps.ts'

export interface HttpOptions extends PageRenderer {
  tools: {
    config: Config
    clock: Clock
    limits: RateLimits
    log: Log
    keyring: Keyring
    metrics: Pick<Metrics, 'counter' | 'histogram'>
    tracer?: Pick<Tracer, 'requests'> | null
  }
  /** Every row of every feature, csrfRows included; health, OpenAPI and the reference are added here. */
  rows: readonly Row[]
  authenticator: Authenticator
  /** For rows about organizations; absent: no user is a member of any organization. */
  memberships?: MembershipLookup
  /** What a signed-in user can prove; absent: one factor. */
  assurance?: AssuranceLookup
  recordDenial?: DenialRecorder
  /** Default: a page that requires one is answered with the refusal. */
  stepUp?: StepUpBeginner
  /** Default: forms lead to this server alone. */
  formTargets?(call: Pick<Call, 'cookies'>): readonly string[]
  /** Default: addresses on this server lead to no app. */
  continuesTo?(returnTo: string): Eventual<AppAhead | null>
  beforeAnswer?: (() => Promise<void>) | null
  assets: readonly Asset[]
  ready(): Promise<Readiness>
  bounds?: Partial<Bounds>
  /** Where operations that hash passwords find out early that they would be refused. */
  hashing?: Pick<Hashing, 'assertRoom'>
  /** Where the access log is written; default the log. */
  accessEntries?: Entries
}

export interface Http {
  /** @returns the actual port, also for the port 0 */
  listen(host: string, port: number): Promise<{ port: number }>
  /** Announces the end, then stops accepting connections and waits, up to a bound, for running requests. Idempotent. */
  close(ending?: Ending): Promise<void>
}

/** Milliseconds between two entries about refused requests of a row. */
const UNAVAILABLE_LOG = 10_000

export function createHttp(options: HttpOptions): Http {
  const { config, clock, limits, log, keyring, metrics, tracer } = options.tools
  const traces = tracer?.requests ?? null
  const measure = measured(metrics, clock, traces)
  const present = presenter(config)
  const entries = options.accessEntries ?? { write: log.info, flush() {} }
  const accesses = config.accessLog ? accessLog(entries, clock, traces) : null
  const open = exchangeOpener(config, clock, present.cookies)
  const openWatched: OpenExchange = (req, res, style) => {
    const exchange = open(req, res, style)
    accesses?.watch(exchange)
    return exchange
  }
  const context: PageContext = {
    config,
    limits,
    challenges: config.challenge === 'off' ? null : createChallenges({ keyring, limits }),
    refusals: refusedByLimits(metrics),
    log,
    traces,
    logUnavailable: occasionally(log.warn, 'requests refused: busy or unavailable', UNAVAILABLE_LOG),
    assertRoomForHash: options.hashing?.assertRoom ?? (() => {}),
    keyring,
    present,
    isUnavailable,
    authenticator: options.authenticator,
    memberships: options.memberships ?? (async () => null),
    assurance: options.assurance ?? (async ({ proofs }) => ({ facts: NO_FACTS, proofs })),
    recordDenial: options.recordDenial ?? (async () => {}),
    stepUp: options.stepUp ?? (async () => null),
    formTargets: options.formTargets ?? (() => []),
    continuesTo: options.continuesTo ?? (() => null),
    beforeAnswer: options.beforeAnswer ?? null,
    openExchange: accesses ? openWatched : open,
    cors: cors(config.corsOrigins),
    isForeign: originCheck(config),
    isSentByOther: senderCheck(config),
    renderer: options,
  }
  const bounds = { ...BOUNDS, announcement: config.drain, ...options.bounds }
  let closing: Promise<void> | undefined
  let isAnnounced = false
  const ready = readiness(() => (isAnnounced ? STOPPING : options.ready()))
  const rows = [...options.rows, ...healthRows(ready)]
  const assets = [
    ...options.assets,
    REDOC,
    VIEWER_SCRIPT,
    VIEWER_STYLE,
    openApiAsset(() => openApi(config, rows)),
  ]
  const openStreams = streams(clock, bounds)
  const dependencies = { context, streams: openStreams, clock, measure }
  const icon = options.assets.find(({ type }) => type.startsWith('image/'))?.path
  const table = routeTable(dependencies, [...rows, viewerRow(config, rows, icon)], assets)
  const forms = formAddresses(rows)
  const refuseRequest = (req: IncomingMessage, res: ServerResponse, failed: Problem): void => {
    measure.other('unmatched', res)
    refuse(context, context.openExchange(req, res), failed)
  }
  const server = makeServer(bounds, {
    route: makeRouter(table, {
      refuse: refuseRequest,
      notAllowed(req, res, { path, params, allow }) {
        measure.other('unmatched', res)
        const exchange = context.openExchange(req, res)
        const form = isOpened(req) ? forms.get(path) : undefined
        if (form) return present.redirect(exchange, form(params, {}))
        exchange.headers.push('allow', allow)
        refuse(context, exchange, problem('METHOD_NOT_ALLOWED'))
      },
      options: (req, res, allow) => preflight(context, context.openExchange(req, res), allow),
    }),
    refuse: refuseRequest,
    raw(failed, requestId, client) {
      const text = present.raw(failed, requestId, clock.now())
      accesses?.unreadable({ status: failed.status, requestId, client, bytes: Buffer.byteLength(text) })
      return text
    },
  })
  const drain = drainOf(server, bounds)
  return {
    async listen(host, port) {
      await listen(server, host, port)
      return { port: (server.address() as AddressInfo).port }
    },
    close: (ending = {}) => {
      openStreams.close()
      isAnnounced ||= !ending.isReplaced
      closing ??= drain(ending).finally(entries.flush)
      return closing
    },
  }
}

const STOPPING = Promise.resolve<Readiness>({ ready: false, checks: { running: false } })

const openApiAsset = (document: () => OpenApi): Asset => ({
  path: '/api/openapi.json',
  type: 'application/json; charset=utf-8',
  body: () => JSON.stringify(document()),
  immutable: false,
})

/** What the handlers of all kinds of rows need. */
interface Dependencies {
  context: PageContext
  streams: Streams
  clock: Clock
  measure: Measured
}

/** Path → method → handler. @throws if two rows have the same method and path */
function routeTable(
  dependencies: Dependencies,
  rows: readonly Row[],
  assets: readonly Asset[],
): ReadonlyMap<string, Handlers> {
  const { context, measure } = dependencies
  const paths = new Map<string, Map<string, Handler>>()
  const add = (method: string, path: string, handle: Handler): void => {
    const handlers = paths.get(path) ?? new Map<string, Handler>()
    if (handlers.has(method)) throw new Error(`two rows answer ${method} ${path}`)
    handlers.set(method, handle)
    paths.set(path, handlers)
  }
  for (const row of rows) {
    const handle = handlerOf(dependencies, row, rows)
    add(row.method, row.path, measure.handler(row.path, row.method, handle, row.kind !== 'stream'))
  }
  for (const path of new Set(rows.filter(({ kind }) => kind === 'protocol').map(({ path }) => path)))
    add('OPTIONS', path, protocolPreflight(context, allowed(paths.get(path) ?? new Map())))
  for (const asset of assets) {
    const handle = assetHandler(context.present, asset)
    add('GET', asset.path, (req, res) => {
      measure.other('asset', res)
      handle(context.openExchange(req, res))
    })
  }
  return paths
}

function handlerOf({ context, streams, clock }: Dependencies, row: Row, rows: readonly Row[]): Handler {
  if (row.kind === 'stream') return streams.handler(context, row)
  if (row.kind === 'download') return downloadHandler(context, row, clock)
  if (row.kind === 'protocol') return protocolHandler(context, row)
  return row.kind === 'page' ? pageHandler(context, row, formAddress(row, rows)) : apiHandler(context, row)
}

/** Whether a browser opens the path as a page. */
const isOpened = ({ method, headers }: IncomingMessage): boolean =>
  (method === 'GET' || method === 'HEAD') && wantsPage(headers.accept)

function preflight(context: PageContext, exchange: Exchange, allow: string): void {
  context.cors.preflight(exchange.req, exchange.headers, allow)
  context.present.empty(exchange, 204)
}
