/** RFC 7636, Proof Key for Code Exchange: what it requires of an authorization server, by section. */
import { createHash, randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import {
  authorizedCode,
  authorizePath,
  follow,
  type TestApp,
  testApp,
} from '../../packages/server/src/testing/apps.ts'
import { type Person, startWorld, type World } from '../../packages/server/src/testing/world.ts'
import { checkTokenAnswer, checkTokenError } from './checks.ts'

/** Appendix B */
const VERIFIER = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'
const CHALLENGE = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'
const challengeOf = (verifier: string): string => createHash('sha256').update(verifier).digest('base64url')

let world: World
let ada: Person
let app: TestApp
let lax: TestApp
beforeAll(async () => {
  world = await startWorld({ rateLimits: 'off' })
  ada = await world.person({ email: 'ada@example.com' })
  app = await testApp(world, { first_party: true })
  lax = await testApp(world, { first_party: true, require_pkce: false })
})
afterAll(() => world?.stop())

const code = (challenge: string | null, of = app) =>
  authorizedCode(ada.client, of, {
    code_challenge: challenge,
    code_challenge_method: challenge === null ? null : 'S256',
  })
const exchange = async (challenge: string, verifier: string) =>
  app.exchange(await code(challenge), { code_verifier: verifier })
const errorOf = async (more: Record<string, string | null>, of = app) =>
  (await follow(ada.client, authorizePath(of, more))).left?.searchParams.get('error') ?? null

it('appendix B: the verifier of the example fits its challenge', async () =>
  checkTokenAnswer(await exchange(CHALLENGE, VERIFIER)))

it.each([43, 64, 128])('§4.1 takes verifiers of 43 to 128 characters: %i', async (length) => {
  const verifier = randomBytes(128).toString('base64url').slice(0, length).replace(/^../, '~.')
  checkTokenAnswer(await exchange(challengeOf(verifier), verifier))
})

it.each([
  ['too short', 'x'.repeat(42)],
  ['too long', 'x'.repeat(129)],
  ['of other characters', `${'x'.repeat(43)}+/=`],
])('§4.1 refuses a verifier that is %s, also with its challenge', async (_what, verifier) =>
  checkTokenError(await exchange(challengeOf(verifier), verifier), 'invalid_request'),
)

it('§4.3 takes a challenge without a method for plain, which is not supported (§4.4.1)', async () => {
  for (const method of [null, 'plain', 's256', 'S512'])
    expect(await errorOf({ code_challenge_method: method })).toBe('invalid_request')
})

it('§4.2 refuses what is no digest', async () => {
  for (const challenge of [
    'short',
    `${CHALLENGE}A`,
    `${CHALLENGE.slice(0, -1)}=`,
    `${CHALLENGE.slice(0, -1)}+`,
  ])
    expect(await errorOf({ code_challenge: challenge })).toBe('invalid_request')
})

it('§4.4 keeps the challenge with the code, and does not show it', async () => {
  const made = await code(CHALLENGE)
  expect(made).not.toContain(CHALLENGE)
  expect(Buffer.from(made.slice(3), 'base64url').toString('latin1')).not.toContain(CHALLENGE)
})

it('§4.4.1 answers invalid_request where the client has to use PKCE and does not', async () => {
  const without = { code_challenge: null, code_challenge_method: null }
  expect(await errorOf(without)).toBe('invalid_request')
  expect(await errorOf(without, await testApp(world, { token_endpoint_auth_method: 'none' }))).toBe(
    'invalid_request',
  )
  expect(await errorOf(without, lax)).toBeNull()
})

it.each([
  ['another', 'x'.repeat(43)],
  ['that of the challenge itself', CHALLENGE],
])('§4.6 answers invalid_grant to a verifier that does not fit: %s', async (_what, verifier) =>
  checkTokenError(await exchange(CHALLENGE, verifier), 'invalid_grant'),
)

it('§4.6 answers invalid_grant to a code whose verifier is missing, and to a verifier without a challenge', async () => {
  const form = { grant_type: 'authorization_code', redirect_uri: 'https://app.example.com/callback' }
  checkTokenError(await app.post('/oidc/token', { ...form, code: await code(CHALLENGE) }), 'invalid_grant')
  const downgraded = await lax.exchange(await code(null, lax), { code_verifier: VERIFIER })
  checkTokenError(downgraded, 'invalid_grant')
  checkTokenAnswer(await lax.post('/oidc/token', { ...form, code: await code(null, lax) }))
})

it('RFC 8414 §2 lists the method', async () => {
  const { body } = await world.client().get('/.well-known/oauth-authorization-server')
  expect(body.code_challenge_methods_supported).toEqual(['S256'])
})
