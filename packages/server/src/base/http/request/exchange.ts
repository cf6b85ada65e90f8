/**
 * An exchange: one request and the answer to it, as base/http handles them. What is read from the request once, and the
 * headers that the answer collects. The code behind base/http sees only the frozen Call made from it.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Config } from '../../../config.ts'
import { findLocale, type Locale, type ProtocolStyle, type Style } from '../../call.ts'
import type { Clock } from '../../clock.ts'
import { newId } from '../../ids.ts'
import type { CookieJar, RequestContext } from '../../present/index.ts'
import { traceOf } from '../../traces/requests.ts'
import { LOCALE_COOKIE } from '../browser-cookies.ts'
import { localeReader, styleReader } from './accept.ts'
import { addressReader } from './address.ts'
import { type CookiesIn, readCookies } from './cookies.ts'

export interface Exchange extends RequestContext {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly ip: string | null
  readonly locale: Locale
  readonly cookies: CookiesIn
  credential: RequestContext['credential']
  /** Null until the caller is known, and of visitors. */
  userId: string | null
}

/** `style` is the style of the row, if it has one. */
export type OpenExchange = (req: IncomingMessage, res: ServerResponse, style?: ProtocolStyle) => Exchange

const VALID_ID = /^[A-Za-z0-9._-]{1,128}$/

type Settings = Pick<Config, 'trustedProxies' | 'envelope' | 'defaultLocale'>

/** Prepares once what every request is read with. */
export function exchangeOpener(config: Settings, clock: Clock, jar: CookieJar): OpenExchange {
  const address = addressReader(config.trustedProxies)
  const styleIn: (accept: string | undefined) => Style = styleReader(config.envelope)
  const localeIn = localeReader(config.defaultLocale)
  return (req, res, style) => {
    const id = req.headers['x-request-id']
    const cookies = readCookies(req.headers.cookie, jar.prefix)
    return {
      req,
      res,
      id: typeof id === 'string' && VALID_ID.test(id) ? id : (traceOf(req)?.requestId ?? newId('req')),
      now: clock.now(),
      style: style ?? styleIn(req.headers.accept),
      url: req.url ?? '/',
      headers: [],
      credential: 'none',
      userId: null,
      ip: address(req),
      locale: findLocale(cookies.others[LOCALE_COOKIE]) ?? localeIn(req.headers['accept-language']),
      cookies,
    }
  }
}
