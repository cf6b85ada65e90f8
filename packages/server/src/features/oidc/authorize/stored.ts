/**
 * Authorization requests across the sign-in. One that needs the user is stored, and continued by its reference: once (or again
 * within ten seconds, which gets another code), within fifteen minutes, in the browser that began it, which has a secret in a cookie.
 * The cookie also says where the browser may be led: forms of the sign-in end in a redirect to the app, and Chromium applies the
 * policy of their page to that.
 */
import { z } from 'zod'
import { type Call, firstLocale } from '../../../base/call.ts'
import { later } from '../../../base/clock.ts'
import { type Keyring, randomSecret, sha256 } from '../../../base/crypto.ts'
import { LOCALE_COOKIE } from '../../../base/http/browser-cookies.ts'
import type { CookieChange } from '../../../base/http/row/route.ts'
import type { Tools } from '../../../core/tools.ts'
import { type AuthorizationParameters, RefusedOnPage } from './request.ts'
import { insertRequest, isOpenRequest, openRequest, type StoredRequest } from './sql.ts'

/** RFC 9126 §2.2 gives the prefix. */
const REFERENCE = /^urn:ietf:params:oauth:request_uri:([A-Za-z0-9_-]{43})$/
const PREFIX = 'urn:ietf:params:oauth:request_uri:'
export const AUTHORIZE_PATH = '/oidc/authorize'
/** Where users answer whether they allow a request. */
export const CONSENT_PATH = '/consent'
const LIFETIME = 15 * 60_000
/** Milliseconds in which a browser has to bring a request that its app has pushed (RFC 9126 §2.2). */
export const PUSHED_LIFETIME = 90_000
/** The name of the cookie, without prefix. */
export const AUTHORIZE_COOKIE = 'authorize'
/** Apps that one browser signs in to at once. */
const MOST_TARGETS = 10

const Browser = z.object({ secret: z.string(), targets: z.array(z.string()) })
type Browser = z.infer<typeof Browser>

function findBrowser(keyring: Keyring, call: Pick<Call, 'cookies'>): Browser | null {
  const sealed = call.cookies[AUTHORIZE_COOKIE]
  if (sealed === undefined || !keyring.opens('authorize', sealed)) return null
  return Browser.safeParse(JSON.parse(keyring.decrypt('authorize', sealed))).data ?? null
}

const browserOf = (keyring: Keyring, call: Call): Browser =>
  findBrowser(keyring, call) ?? { secret: randomSecret(), targets: [] }

/** Where forms of this browser may lead besides this server (the CSP's form-action): to the apps that it signs in to. */
export const formTargetsOf = (keyring: Keyring, call: Pick<Call, 'cookies'>): readonly string[] =>
  findBrowser(keyring, call)?.targets ?? []

/** The cookie of a browser that an app's request has led here. */
function cookieOf(keyring: Keyring, { secret, targets }: Browser, redirectUri = ''): CookieChange {
  const target = URL.canParse(redirectUri) ? (targetOf(redirectUri) ?? []) : []
  const all = [...new Set([target, targets].flat())].slice(0, MOST_TARGETS)
  const value = keyring.encrypt('authorize', JSON.stringify({ secret, targets: all }))
  return { name: AUTHORIZE_COOKIE, value, maxAgeSeconds: LIFETIME / 1000 }
}

/** Those of a browser that an app's request has led here. */
const cookiesOf = (
  keyring: Keyring,
  browser: Browser,
  call: Call,
  { redirect_uri: redirectUri, ui_locales: languages }: AuthorizationParameters,
): CookieChange[] => [cookieOf(keyring, browser, redirectUri), ...languageOf(call, languages)]

/** The language of the pages (OpenID Connect Core §3.1.2.1); that of an earlier request ends. */
function languageOf(call: Call, languages = ''): CookieChange[] {
  const value = firstLocale(languages.toLowerCase().split(' '))
  if (value === null && call.cookies[LOCALE_COOKIE] === undefined) return []
  return [{ name: LOCALE_COOKIE, value, maxAgeSeconds: LIFETIME / 1000 }]
}

/** Of a host that could not be read as more than a host in a policy: browsers permit `;` and `*` in the URL. */
const PLAIN_HOST = /^[a-z0-9.:[\]-]+$/

/** The origin of an address, or its scheme where it has none: a source expression of CSP (§2.3.1). Null where it would be more. */
export function targetOf(redirectUri: string): string | null {
  const { origin, protocol, host } = new URL(redirectUri)
  if (origin === 'null') return protocol
  return PLAIN_HOST.test(host) ? origin : null
}

export const isReference = (requestUri: string | undefined): requestUri is string =>
  requestUri?.startsWith(PREFIX) ?? false

type Parameters = AuthorizationParameters & { client_id: string }

/** Stores a request for the browser. @returns where it is continued, and the browser's cookie */
export async function storeRequest(
  { db, keyring }: Pick<Tools, 'db' | 'keyring'>,
  call: Call,
  parameters: Parameters,
): Promise<{ path: string; cookies: readonly CookieChange[] }> {
  const browser = browserOf(keyring, call)
  const reference = await insert(db, call, parameters, { ...STORED, browser: sha256(browser.secret) })
  const path = continuedAt(parameters.client_id, reference)
  return { path, cookies: cookiesOf(keyring, browser, call, parameters) }
}

/** Stores a request that another site has posted; the first browser that continues it is its. @returns where */
export const storeUnbound = async (
  { db }: Pick<Tools, 'db'>,
  call: Call,
  parameters: Parameters,
): Promise<string> =>
  continuedAt(parameters.client_id, await insert(db, call, parameters, { ...STORED, browser: null }))

/** Stores a request that its app has pushed; the first browser that brings the reference is its. @returns the reference */
export const storePushed = ({ db }: Pick<Tools, 'db'>, call: Call, parameters: Parameters): Promise<string> =>
  insert(db, call, parameters, { isPushed: true, browser: null, lifetime: PUSHED_LIFETIME })

const STORED = { isPushed: false, lifetime: LIFETIME }

/** @returns the reference */
async function insert(
  db: Tools['db'],
  call: Call,
  parameters: Parameters,
  { isPushed, browser, lifetime }: { isPushed: boolean; browser: Buffer | null; lifetime: number },
): Promise<string> {
  const handle = randomSecret()
  await insertRequest(db.hot, {
    hash: sha256(handle),
    client_id: parameters.client_id,
    parameters,
    is_pushed: isPushed,
    browser,
    created_at: call.now,
    expires_at: later(call.now, lifetime),
  })
  return PREFIX + handle
}

/** The path at which a request is continued; it names the app, as RFC 9126 §4 asks for. */
export const continuedAt = (clientId: string, reference: string, path = AUTHORIZE_PATH): string =>
  `${path}?${new URLSearchParams({ client_id: clientId, request_uri: reference })}`

/**
 * Opens the request of a reference in this browser.
 * @throws RefusedOnPage where it has expired, was used, is another app's or another browser's
 */
export async function openStored(
  { db, keyring }: Pick<Tools, 'db' | 'keyring'>,
  call: Call,
  { client_id: clientId, request_uri: reference = '' }: AuthorizationParameters,
): Promise<{ stored: StoredRequest; cookies: readonly CookieChange[] }> {
  const [, handle] = REFERENCE.exec(reference) ?? []
  if (handle === undefined || clientId === undefined) throw new RefusedOnPage('malformed')
  const browser = browserOf(keyring, call)
  const own = sha256(browser.secret)
  const by = { hash: sha256(handle), clientId, browser: own, until: later(call.now, LIFETIME) }
  const stored = await openRequest(db.hot, by, call.now)
  if (stored === null || !isOpenRequest(stored, call.now)) throw new RefusedOnPage('expired')
  if (!stored.browser?.equals(own)) throw new RefusedOnPage('other_browser')
  return { stored, cookies: cookiesOf(keyring, browser, call, stored.parameters) }
}
