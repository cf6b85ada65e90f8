/**
 * The OpenID Connect provider, compared with the engine oidc-provider on PostgreSQL (contenders/oidc-provider.ts) for the same
 * apps, users and grants, and with the same algorithms. The ratio is that of the CPU time of the server's process for each request.
 */
import {
  API,
  type AppId,
  appHeaders,
  authorizeQuery,
  bareTokenOf,
  browserHeaders,
  EXCHANGE,
  HOLDERS,
  type ProviderUnderTest,
  providers,
} from '../harness/apps.ts'
import type { Bench, Figure, Row } from '../harness/bench.ts'
import { clientOf } from '../harness/population.ts'
import { type Contender, contest, serves } from '../harness/rounds.ts'
import { formText, headOf, requestText } from '../harness/wire.ts'

/** Answers before anything is counted; what commits has fewer. */
const WARM = 12_000
const WARM_DURABLE = 4000

const HOLDER_NUMBERS = Array.from({ length: HOLDERS }, (_, i) => i)
/** The requests of an app to one path, one for each user. */
const forms = (path: string, app: AppId, form: (i: number) => Record<string, string>): string[] =>
  HOLDER_NUMBERS.map((i) => formText(path, appHeaders(app, i), new URLSearchParams(form(i)).toString()))

type Load = (bench: Bench, of: ProviderUnderTest, name: string) => Promise<Contender>

/** Both providers with a load, and the figures of ours beside the engine. */
async function beside(bench: Bench, what: string, atLeast: number, load: Load, others: Contender[] = []) {
  const { ours, engine, bare } = await providers(bench)
  const [our, its, least] = [
    `Latchkey${what}`,
    `oidc-provider${what}`,
    `node:http, only what is needed${what}`,
  ]
  const contenders = [
    await load(bench, ours, our),
    await load(bench, engine, its),
    await load(bench, bare, least),
    ...others,
  ]
  const result = await contest(bench, contenders)
  const figures: Figure[] = [
    { what: `${our} ÷ ${its}, by CPU`, value: result.byCpu(our, its), unit: '', atLeast },
    { what: `${our} ÷ ${its}, by throughput`, value: result.byThroughput(our, its), unit: '' },
    { what: `${least} ÷ ${its}, by CPU`, value: result.byCpu(least, its), unit: '' },
  ]
  return { ...result, figures, our }
}

export const clientCredentials: Row = {
  name: 'client-credentials',
  title: 'A token for an app itself (client credentials, ES256), beside oidc-provider',
  async measure(bench) {
    const load: Load = async (_, of, name) => ({
      ...(await serves(
        bench,
        name,
        of,
        forms(of.paths.token, 'bench-es256', () => ({
          grant_type: 'client_credentials',
          scope: API.scope,
          resource: API.identifier,
        })),
      )),
      warm: WARM,
    })
    const { measured, figures } = await beside(bench, '', 2.5, load)
    return { measured, figures, notes: [] }
  },
}

const BARE = 'node:http, a transaction of two statements'

export const appRefresh: Row = {
  name: 'app-refresh',
  title: 'Refresh by an app, with an ID token, beside oidc-provider; durable',
  async measure(bench) {
    const load =
      (app: AppId): Load =>
      async (_, of, name) => ({
        ...(await serves(
          bench,
          name,
          of,
          forms(of.paths.token, app, (i) => ({
            grant_type: 'refresh_token',
            refresh_token: of.refreshTokens[app]?.[i] ?? '',
          })),
          { follow: 'refresh_token' },
        )),
        warm: WARM_DURABLE,
      })
    const { url } = await bench.latchkey()
    const es256 = await beside(bench, ', ES256', 3.5, load('bench-es256'))
    const bare = await bareRotation(bench, url)
    const rs256 = await beside(bench, ', RS256', 1.7, load('bench-rs256'), [bare])
    return {
      measured: [...es256.measured, ...rs256.measured],
      figures: [
        ...es256.figures,
        ...rs256.figures,
        { what: `${rs256.our} ÷ bare transaction, by CPU`, value: rs256.byCpu(rs256.our, BARE), unit: '' },
      ],
      notes: [
        'oidc-provider reads no session, and signs an access token as ours does; the bare one signs nothing',
      ],
    }
  },
}

async function bareRotation(bench: Bench, url: string): Promise<Contender> {
  const bare = await bench.listener('bare', 'rotation', url)
  const requests = HOLDER_NUMBERS.map((i) =>
    requestText('POST', '/', { 'x-forwarded-for': clientOf(i) }, { refresh_token: bareTokenOf(i) }),
  )
  const contender = await serves(bench, BARE, bare, requests, { follow: 'refresh_token' })
  return { ...contender, warm: WARM_DURABLE }
}

export const introspection: Row = {
  name: 'introspection',
  title: 'Introspection of an access token that was seen before, beside oidc-provider',
  async measure(bench) {
    const load: Load = async (_, of, name) => ({
      ...(await serves(
        bench,
        name,
        of,
        forms(of.paths.introspect, 'bench-es256', (i) => ({
          token: of.accessTokens[i] ?? '',
          token_type_hint: 'access_token',
        })),
      )),
      warm: WARM,
    })
    const { measured, figures } = await beside(bench, '', 10, load)
    return {
      measured,
      figures,
      notes: ['tokens of oidc-provider are opaque here, because it does not introspect JWTs'],
    }
  },
}

export const codeFlow: Row = {
  name: 'code-flow',
  title:
    'Authorization under a session, consent given before, and the exchange of the code (PKCE), beside oidc-provider',
  async measure(bench) {
    const app = 'bench-es256'
    const load: Load = async (_, of, name) => {
      const path = `${of.paths.authorize}?${authorizeQuery(app)}`
      const requests = of.cookies.map((cookie, i) => requestText('GET', path, browserHeaders(cookie, i)))
      const then = {
        find: '\r\n[Ll]ocation: [^\r]*[?&]code=([A-Za-z0-9_-]+)',
        heads: HOLDER_NUMBERS.map((i) => headOf('POST', of.paths.token, appHeaders(app, i))),
        body: EXCHANGE,
      }
      return { ...(await serves(bench, name, of, requests, { then })), warm: WARM_DURABLE }
    }
    const { measured, figures } = await beside(bench, '', 3, load)
    return { measured, figures, notes: ['one is two requests'] }
  },
}
