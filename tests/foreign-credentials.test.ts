/**
 * Credential headers beside a session cookie, at forward-auth and at a guard of the same server: one rule for both. A
 * header in the form of ours takes precedence, even if it is invalid; one that has another form belongs to the app.
 */
import { request } from 'node:http'
import { createGuard, type Guard, latchkey } from '@latchkey/guard'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startWorld, type World } from '../packages/server/src/testing/world.ts'

type Fields = readonly (readonly [name: string, value: string])[]

let world: World
let guard: Guard
let cookie: string
/** Ours, by the name that a row of the table has in its place. */
const ours: Record<string, string> = {}

beforeAll(async () => {
  world = await startWorld()
  guard = createGuard({
    methods: [latchkey({ issuer: world.config.publicUrl, url: world.url })],
    now: () => world.clock.now().getTime(),
  })
  const ada = await world.person({ username: 'ada' })
  const session = await world.client().signIn('ada', ada.password, { tokens: true })
  cookie = `lk_session=${ada.client.cookies.get('lk_session')}`
  ours.TOKEN = session.data.access_token
  ours.SESSION = session.data.token
  ours.KEY = (await ada.client.apiKey()).secret
  const revoked = await ada.client.apiKey()
  ours.REVOKED = revoked.secret
  await ada.client.delete(`/api/v1/auth/api-keys/${revoked.id}`)
})
afterAll(async () => {
  guard.close()
  await world.stop()
})

const sent = (fields: Fields): [string, string][] =>
  fields.map(([name, value]) => [name, value.replace(/[A-Z]{3,}/, (word) => ours[word] ?? word)])

/** With repeated fields as they are. */
const atForwardAuth = (fields: Fields): Promise<number> =>
  new Promise((resolve, reject) => {
    const headers = [['host', new URL(world.url).host], ...sent(fields)].flat()
    request(`${world.url}/api/v1/auth/validate`, { headers }, (reply) => {
      reply.resume()
      resolve(reply.statusCode ?? 0)
    })
      .once('error', reject)
      .end()
  })

async function atGuard(fields: Fields): Promise<number> {
  const headers = sent(fields)
  const joined: Record<string, string> = {}
  for (const [name, value] of headers)
    joined[name] = joined[name] === undefined ? value : `${joined[name]}, ${value}`
  const incoming = { method: 'GET', url: '/', headers: joined, rawHeaders: headers.flat() }
  return await guard.authenticate(incoming as never).then(
    () => 200,
    ({ status }: { status: number }) => status,
  )
}

const FOREIGN: Fields[] = [
  [['x-api-key', '0123456789abcdef']],
  [['x-api-key', '']],
  [['x-api-key', 'sk_live_4eC39HqLyjWDarjtT1zdp7dc']],
  [['authorization', 'Api-Key 0123456789abcdef']],
  [['authorization', 'Bearer 0123456789abcdef']],
  [['authorization', 'bearer   0123456789abcdef']],
  [['authorization', 'Bearer']],
  [['authorization', 'Bearer "a.b.c"']],
  [['authorization', 'Digest username="a", realm="b.c"']],
  [['authorization', 'AWS4-HMAC-SHA256 Credential=a/b, Signature=c']],
  [
    ['authorization', 'Bearer 0123'],
    ['x-api-key', '4567'],
  ],
]

describe('beside a session cookie', () => {
  it.each(FOREIGN.map((fields) => [fields]))('what is not ours in form is the app’s: %j', async (fields) => {
    const both = [...fields, ['cookie', cookie]] as const
    expect([await atForwardAuth(both), await atGuard(both)]).toEqual([200, 200])
    expect([await atForwardAuth(fields), await atGuard(fields)]).not.toContain(200)
    const ended = [...fields, ['cookie', `lk_session=st_${'A'.repeat(43)}`]] as const
    expect([await atForwardAuth(ended), await atGuard(ended)]).toEqual([401, 401])
  })

  it.each<[Fields, number]>([
    [[['x-api-key', 'KEY']], 200],
    [[['authorization', 'Bearer KEY']], 200],
    [[['authorization', 'Api-Key KEY']], 200],
    [[['authorization', 'Bearer TOKEN']], 200],
    [[['authorization', 'Bearer SESSION']], 200],
    [[['x-api-key', 'REVOKED']], 401],
    [[['authorization', 'Bearer REVOKED']], 401],
    [[['authorization', 'Api-Key REVOKED']], 401],
    [[['authorization', 'Bearer st_x']], 401],
    [[['authorization', `bearer  st_${'A'.repeat(43)}`]], 401],
    [[['authorization', 'Bearer a.b.c']], 401],
    [[['authorization', 'Bearer TOKENx']], 401],
  ])('what has the form of ours takes precedence, even if it is invalid: %j', async (fields, expected) => {
    const both = [...fields, ['cookie', cookie]] as const
    expect([await atForwardAuth(both), await atGuard(both)]).toEqual([expected, expected])
  })

  it.each<[Fields]>([
    [
      [
        ['authorization', 'Bearer 0123'],
        ['x-api-key', 'KEY'],
      ],
    ],
    [
      [
        ['authorization', 'Bearer SESSION'],
        ['x-api-key', '0123'],
      ],
    ],
    [
      [
        ['authorization', 'Bearer 0123'],
        ['authorization', 'Bearer SESSION'],
      ],
    ],
    [
      [
        ['authorization', 'Digest a'],
        ['authorization', 'Digest b'],
      ],
    ],
    [
      [
        ['x-api-key', '0123'],
        ['x-api-key', 'KEY'],
      ],
    ],
  ])('two of which readers could choose either are refused: %j', async (fields) => {
    const both = [...fields, ['cookie', cookie]] as const
    expect([await atForwardAuth(both), await atGuard(both)]).toEqual([400, 400])
  })
})
