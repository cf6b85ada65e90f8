/**
 * Replay of authorization codes (RFC 6749 §10.5, RFC 9700 §4.5): of 100 concurrent exchanges one gets tokens, and because the others
 * were replays, the tokens end. 20 codes by default, 2,000 exchanges in 10 to 30 seconds; CODE_REPLAYS=200 takes two minutes.
 */
import { expect, it } from 'vitest'
import { authorizedCode, testApp } from '../../packages/server/src/testing/apps.ts'
import { startWorld } from '../../packages/server/src/testing/world.ts'

const ROUNDS = Number(process.env.CODE_REPLAYS ?? 20)
const AT_ONCE = 100

it(`of ${AT_ONCE} exchanges of a code one gets tokens, which end: ${ROUNDS} codes`, async () => {
  const world = await startWorld({ rateLimits: 'off' })
  try {
    const ada = await world.person({ email: 'ada@example.com' })
    const app = await testApp(world, { first_party: true })
    for (let round = 0; round < ROUNDS; round += 1) {
      const code = await authorizedCode(ada.client, app, { scope: 'openid offline_access' })
      const replies = await Promise.all(Array.from({ length: AT_ONCE }, () => app.exchange(code)))
      const [tokens, ...others] = replies.filter(({ status }) => status === 200).map(({ body }) => body)
      expect([others, tokens?.token_type]).toEqual([[], 'Bearer'])
      const errors = replies.flatMap(({ body }) => body.error ?? [])
      expect([errors.length, new Set(errors)]).toEqual([AT_ONCE - 1, new Set(['invalid_grant'])])
      const headers = { authorization: `Bearer ${tokens.access_token}` }
      expect((await world.client().get('/oidc/userinfo', { headers })).status).toBe(401)
      const form = { grant_type: 'refresh_token', refresh_token: tokens.refresh_token }
      expect((await app.post('/oidc/token', form)).body.error).toBe('invalid_grant')
    }
  } finally {
    await world.stop()
  }
})
