/**
 * An app as the conformance suite is one, and the person who uses it: requests of the app go through a browser without scripts, which
 * signs in, proves the password again and allows the app on the pages that it is shown. Every answer is checked in passing.
 */
import { randomBytes } from 'node:crypto'
import type { JSONWebKeySet, JWTPayload } from 'jose'
import { expect } from 'vitest'
import { CALLBACK, formOf } from '../../packages/server/src/testing/apps.ts'
import type { Client, Json, Reply } from '../../packages/server/src/testing/client.ts'
import { formsIn, type SentForm } from '../../packages/server/src/testing/step-up.ts'
import type { Person, World } from '../../packages/server/src/testing/world.ts'
import {
  checkAnswer,
  checkIdToken,
  checkKeys,
  checkMetadata,
  checkTokenAnswer,
  checkUserinfo,
  type Fields,
} from './checks.ts'

/** What the plans vary. */
export interface Variant {
  responseMode: 'default' | 'form_post'
  clientAuth: 'client_secret_basic' | 'client_secret_post'
}

/** Where a request has led. */
export interface Led {
  /** The pages that the person has answered: paths. */
  pages: readonly string[]
  /** What the app got; null: the browser is shown a page that leads nowhere. */
  answer: Fields | null
  /** The last answer of the server. */
  reply: Reply
}

export interface SignedIn {
  request: Fields
  pages: readonly string[]
  code: string
  tokens: Json
  idToken: JWTPayload
  userinfo: Json
}

type Changes = Readonly<Record<string, string | null>>

const HTML = { headers: { accept: 'text/html' } }
const FORM = { 'content-type': 'application/x-www-form-urlencoded' }
const random = () => randomBytes(16).toString('base64url')

/** What the server has given the app. */
interface Registered {
  id: string
  secret: string
}

/** An app that an operator adds, as the documentation says (docs/guides/apps.md). */
async function register(operator: Person, settings: Record<string, unknown>): Promise<Registered> {
  await operator.client.signIn(operator.email, operator.password)
  const { status, data, text } = await operator.client.post('/api/v1/oidc/clients', {
    name: 'Suite',
    settings: { redirect_uris: [CALLBACK], ...settings },
  })
  if (status !== 201) throw new Error(`no app: ${text}`)
  return { id: data.client_id, secret: data.client_secret }
}

export class RelyingParty {
  readonly world: World
  readonly variant: Variant
  readonly app: Registered
  readonly person: Person
  readonly metadata: Json
  readonly keys: JSONWebKeySet
  readonly browser: Client

  readonly #operator: Person

  private constructor(
    from: Pick<RelyingParty, 'world' | 'variant' | 'app' | 'person' | 'metadata' | 'keys'>,
    operator: Person,
  ) {
    this.world = from.world
    this.variant = from.variant
    this.app = from.app
    this.person = from.person
    this.metadata = from.metadata
    this.keys = from.keys
    this.browser = this.world.client()
    this.#operator = operator
  }

  /**
   * An app that an operator has added, of whose user the server has no cookie yet. The suite does not use PKCE, but in one module.
   * The keys are those from before the first ID token, as the suite fetches them.
   * @param person who uses it; default: another one each time
   */
  static async create(
    world: World,
    variant: Variant,
    { operator, person }: { operator: Person; person?: Person },
  ): Promise<RelyingParty> {
    const metadata = await world.client().get('/.well-known/openid-configuration')
    checkMetadata(metadata, world.config.publicUrl)
    const app = await register(operator, {
      require_pkce: false,
      token_endpoint_auth_method: variant.clientAuth,
    })
    const keys = await world.client().get(new URL(metadata.body.jwks_uri).pathname)
    checkKeys(keys.body)
    const someone = person ?? (await world.person({ signIn: false }))
    const from = { world, variant, app, person: someone, metadata: metadata.body, keys: keys.body }
    return new RelyingParty(from, operator)
  }

  /** Another app, in the same browser, of the same person. */
  async another(): Promise<RelyingParty> {
    const other = await RelyingParty.create(this.world, this.variant, {
      operator: this.#operator,
      person: this.person,
    })
    for (const [name, value] of this.browser.cookies) other.browser.cookies.set(name, value)
    return other
  }

  /** The parameters of a request. @param changes null leaves one out */
  request(changes: Changes = {}): Fields {
    const all: Changes = {
      client_id: this.app.id,
      redirect_uri: CALLBACK,
      scope: 'openid',
      state: random(),
      nonce: random(),
      response_type: 'code',
      ...(this.variant.responseMode === 'form_post' && { response_mode: 'form_post' }),
      ...changes,
    }
    return Object.fromEntries(
      Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== null),
    )
  }

  /** Sends a request through the browser, and answers the pages. */
  async send(request: Fields, { post = false, from = this.browser } = {}): Promise<Led> {
    const path = this.#path('authorization_endpoint')
    const reply = post
      ? await from.post(path, request, {
          form: true,
          headers: { ...HTML.headers, origin: 'https://app.example.com', 'sec-fetch-site': 'cross-site' },
        })
      : await from.get(`${path}?${new URLSearchParams(request)}`, HTML)
    const led = await this.#go(from, reply)
    if (led.answer !== null) checkAnswer(led.answer, request, this.metadata.issuer)
    return led
  }

  /** The path of an endpoint of the metadata. */
  #path(endpoint: string): string {
    return new URL(this.metadata[endpoint]).pathname
  }

  async #go(browser: Client, first: Reply): Promise<Led> {
    const pages: string[] = []
    let reply = first
    for (let step = 0; step < 20; step += 1) {
      const location = reply.headers.get('location')
      if (location !== null) {
        if (!location.startsWith('/')) {
          expect(this.variant.responseMode, 'the answer is a redirect').toBe('default')
          return { pages, reply, answer: fieldsOf(location) }
        }
        reply = await browser.get(location, HTML)
        continue
      }
      const form = formIn(reply)
      if (form === null) return { pages, reply, answer: null }
      if (form.action === CALLBACK) {
        expect(this.variant.responseMode, 'the answer is a form').toBe('form_post')
        return { pages, reply, answer: form.fields }
      }
      pages.push(form.action)
      const { email, password } = this.person
      const typed: Readonly<Record<string, Fields>> = {
        '/sign-in': { identifier: email, password },
        '/step-up': { password },
        '/consent': { decision: 'allow' },
      }
      reply = await browser.post(
        form.action,
        { ...form.fields, ...typed[form.action] },
        { form: true, ...HTML },
      )
    }
    throw new Error(`the pages have no end: ${pages.join(' ')}`)
  }

  /** A request to an endpoint for apps, authenticated as the variant says. */
  post(endpoint: string, form: Fields): Promise<Reply> {
    const { id, secret } = this.app
    const isBasic = this.variant.clientAuth === 'client_secret_basic'
    const body = new URLSearchParams({ ...form, ...(!isBasic && { client_id: id, client_secret: secret }) })
    const basic = Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`).toString('base64')
    const headers = { ...FORM, ...(isBasic && { authorization: `Basic ${basic}` }) }
    return this.world.client().send('POST', this.#path(endpoint), body.toString(), { headers })
  }

  exchange(code: string, more: Fields = {}): Promise<Reply> {
    return this.post('token_endpoint', {
      grant_type: 'authorization_code',
      code,
      redirect_uri: CALLBACK,
      ...more,
    })
  }

  refresh(token: string, more: Fields = {}): Promise<Reply> {
    return this.post('token_endpoint', { grant_type: 'refresh_token', refresh_token: token, ...more })
  }

  userinfo(token: string, by: 'get' | 'post-header' | 'post-body' = 'get'): Promise<Reply> {
    const client = this.world.client()
    const path = this.#path('userinfo_endpoint')
    const authorization = `Bearer ${token}`
    if (by === 'get') return client.get(path, { headers: { authorization } })
    return by === 'post-header'
      ? client.send('POST', path, undefined, { headers: { authorization } })
      : client.send('POST', path, `access_token=${token}`, { headers: FORM })
  }

  /** Signs the person in, exchanges the code, and reads userinfo. */
  async signIn(
    changes: Changes = {},
    more: { post?: boolean; exchange?: Fields; reorder?: boolean } = {},
  ): Promise<SignedIn> {
    const made = this.request(changes)
    const request = more.reorder ? Object.fromEntries(Object.entries(made).reverse()) : made
    const { answer, pages, reply } = await this.send(request, { post: more.post ?? false })
    const code = answer?.code
    if (code === undefined)
      throw new Error(
        `no code: ${JSON.stringify(answer)} ${pages.join(' ')} ${reply.status} ${reply.text.slice(0, 600)}`,
      )
    const { tokens, idToken } = await this.checked(await this.exchange(code, more.exchange), request.nonce)
    const userinfo = await this.userinfo(tokens.access_token)
    checkUserinfo(userinfo, idToken.sub)
    expect(idToken.sub).toBe(this.person.id)
    return { request, pages, code, tokens, idToken, userinfo: userinfo.body }
  }

  /** Checks an answer of the token endpoint. */
  async checked(reply: Reply, nonce: string | undefined): Promise<{ tokens: Json; idToken: JWTPayload }> {
    checkTokenAnswer(reply)
    const idToken = await checkIdToken(reply.body.id_token, {
      issuer: this.metadata.issuer,
      clientId: this.app.id,
      nonce,
      accessToken: reply.body.access_token,
      algorithm: 'RS256',
      keys: this.keys,
      now: this.world.clock.now(),
    })
    return { tokens: reply.body, idToken }
  }
}

/** The parameters of a URL, each of which occurs once. */
function fieldsOf(location: string): Fields {
  const url = new URL(location)
  expect([url.origin + url.pathname, url.hash]).toEqual([CALLBACK, ''])
  const entries = [...url.searchParams]
  expect(new Set(entries.map(([name]) => name)).size).toBe(entries.length)
  return Object.fromEntries(entries)
}

const OURS = ['/sign-in', '/step-up', '/consent']

/** The form that answers the app, or the first of ours that the person knows how to fill in. */
function formIn({ text, headers }: Reply): SentForm | null {
  if (!text.includes(`action="${CALLBACK}"`))
    return formsIn(text).find(({ action }) => OURS.includes(action)) ?? null
  expect(headers.get('cache-control')).toContain('no-store')
  expect(text).toContain(`<form method="post" action="${CALLBACK}">`)
  return { action: CALLBACK, fields: formOf(text, CALLBACK) }
}
