/** RFC 9207, OAuth 2.0 Authorization Server Issuer Identification: what it requires of an authorization server, by section. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import {
  answerConsent,
  authorizePath,
  CALLBACK,
  follow,
  formOf,
  type TestApp,
  testApp,
} from '../../packages/server/src/testing/apps.ts'
import { type Person, startWorld, type World } from '../../packages/server/src/testing/world.ts'

let world: World
let ada: Person
let app: TestApp
beforeAll(async () => {
  world = await startWorld({ rateLimits: 'off', publicUrl: 'https://id.example.com' })
  ada = await world.person({ email: 'ada@example.com' })
  app = await testApp(world, { first_party: true })
})
afterAll(() => world?.stop())

const answerOf = async (more: Record<string, string>, browser = ada.client) => {
  const { left, reply } = await follow(browser, authorizePath(app, more))
  return left === null ? new URLSearchParams(formOf(reply.text, CALLBACK)) : left.searchParams
}

it.each([
  ['a code', {}, 'code'],
  ['a code in a form', { response_mode: 'form_post' }, 'code'],
  ['an error', { response_type: 'token' }, 'error'],
  ['an error in a form', { response_mode: 'form_post', scope: 'unknown' }, 'error'],
  ['an error before the sign-in', { prompt: 'none' }, 'error'],
])('§2 names the issuer once, beside %s', async (_what, more, member) => {
  const browser = 'prompt' in more ? world.client() : ada.client
  const answer = await answerOf(more as Record<string, string>, browser)
  expect(answer.has(member)).toBe(true)
  expect(answer.getAll('iss')).toEqual(['https://id.example.com'])
})

it('§2 names it where the user has not allowed it', async () => {
  const { reply } = await follow(ada.client, authorizePath(await testApp(world)))
  const led = await answerConsent(ada.client, reply.text, 'deny')
  expect([led.searchParams.get('error'), led.searchParams.get('iss')]).toEqual([
    'access_denied',
    'https://id.example.com',
  ])
})

it('§2.3, §3 is the issuer of the metadata, which says that it is sent', async () => {
  const { body } = await world.client().get('/.well-known/oauth-authorization-server')
  expect([body.authorization_response_iss_parameter_supported, body.issuer]).toEqual([
    true,
    'https://id.example.com',
  ])
  const { protocol, search, hash } = new URL(body.issuer)
  expect([protocol, search, hash]).toEqual(['https:', '', ''])
})
