/**
 * One request on its way through the HTTP room: what was read from it once, and the headers its answer
 * gathers. Everything behind the room sees only the frozen Call made from it.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Config } from '../../../config.ts'
import type { Call, Locale, ProtocolStyle, Style } from '../../call.ts'
import type { Clock } from '../../clock.ts'
import { newId } from '../../ids.ts'
import type { Asked, CookieJar } from '../../present/index.ts'
import { localeReader, styleReader } from './accept.ts'
import { addressReader } from './address.ts'
import type { Caller } from './authenticate.ts'
import { type CookiesIn, readCookies } from './cookies.ts'
import { type Cors, cors } from './cors.ts'

export interface Exchange extends Asked {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly ip: string | null
  readonly locale: Locale
  readonly cookies: CookiesIn
  credential: Asked['credential']
}

/** What every request is read with; made once. */
export interface Reader {
  /** `fixed` is the style of the row, where it has one. */
  open(req: IncomingMessage, res: ServerResponse, fixed?: ProtocolStyle): Exchange
  cors: Cors
}

const SANE_ID = /^[A-Za-z0-9._-]{1,128}$/

type Settings = Pick<Config, 'trustedProxies' | 'envelope' | 'defaultLocale' | 'corsOrigins'>

export function reader(config: Settings, clock: Clock, jar: CookieJar): Reader {
  const address = addressReader(config.trustedProxies)
  const style: (accept: string | undefined) => Style = styleReader(config.envelope)
  const locale = localeReader(config.defaultLocale)
  const crossOrigin = cors(config.corsOrigins)
  return {
    cors: crossOrigin,
    open(req, res, fixed) {
      const asked = req.headers['x-request-id']
      return {
        req,
        res,
        id: typeof asked === 'string' && SANE_ID.test(asked) ? asked : newId('req'),
        now: clock.now(),
        style: fixed ?? style(req.headers.accept),
        url: req.url ?? '/',
        headers: [],
        credential: 'none',
        ip: address(req),
        locale: locale(req.headers['accept-language']),
        cookies: readCookies(req.headers.cookie, jar.prefix),
      }
    },
  }
}

export function callOf(exchange: Exchange, { principal, session, organization }: Caller): Call {
  return Object.freeze({
    id: exchange.id,
    now: exchange.now,
    ip: exchange.ip,
    userAgent: exchange.req.headers['user-agent']?.slice(0, 512) ?? null,
    principal,
    session,
    organization,
    locale: principal?.locale ?? exchange.locale,
    style: exchange.style,
    cookies: exchange.cookies.others,
  })
}
