/**
 * Two nodes on one PostgreSQL database: one signing key, one successor of a refresh token or use of a code, revocations on
 * both.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { withinASecond } from '../packages/guard/src/testing/waiting.ts'
import { systemCall } from '../packages/server/src/base/call.ts'
import { codeOf, enrolAuthenticator } from '../packages/server/src/testing/authenticator-app.ts'
import { Client } from '../packages/server/src/testing/client.ts'
import { cutListener } from '../packages/server/src/testing/connections.ts'
import { type Nodes, startNodes } from '../packages/server/src/testing/nodes.ts'
import { PASSWORD } from '../packages/server/src/testing/world.ts'
import { statusOf as me, race, signIn } from './tokens/refreshing.ts'

let nodes: Nodes
beforeAll(async () => {
  nodes = await startNodes(2, { emailVerification: 'off' })
})
afterAll(() => nodes.stop())

const at = (node: 0 | 1): string => nodes.urls[node] ?? ''
const register = async (email: string): Promise<{ email: string }> => {
  const { status } = await new Client(at(0)).post('/api/v1/auth/register', { email, password: PASSWORD })
  expect(status).toBe(201)
  return { email }
}
const revoke = (token: string) => new Client(at(0)).post('/api/v1/auth/revoke', { token })

describe('two nodes', () => {
  it('create one signing key at the first start', async () => {
    const keys = await Promise.all(nodes.apps.map((app) => app.tools.keys.list(app.tools.clock.now())))
    expect(keys[0]).toHaveLength(1)
    expect(keys[1]).toEqual(keys[0])
  })

  it('answer the same refresh token with the same successor', { timeout: 600_000 }, async () => {
    const bob = await register('bob@example.com')
    await race(nodes.urls, nodes.db, await signIn(at(0), bob), 100)
  })

  it('refuse on one a token revoked on the other, within a second', async () => {
    const cyd = await register('cyd@example.com')
    await withinASecond(async () => {
      const { access_token: token } = await signIn(at(0), cyd)
      expect(await me(at(1), token)).toBe(200)
      await revoke(token)
      return async () => (await me(at(1), token)) === 401
    })
  })

  it('accept tokens of each other’s new keys immediately', async () => {
    const dan = await register('dan@example.com')
    const { keys, clock } = nodes.apps[0]?.tools ?? {}
    for (let n = 0; n < 5; n++) {
      await keys?.rotate(systemCall(clock?.now() ?? new Date(0)), { immediately: true })
      expect(await me(at(1), (await signIn(at(0), dan)).access_token)).toBe(200)
    }
  })

  it.each(['totp', 'backup_code'])(
    'accept a code once between them (%s)',
    { timeout: 600_000 },
    async (method) => {
      const email = `${method}@example.com`
      await register(email)
      const [first] = nodes.apps
      if (!first) throw new Error('no node')
      const clock = { now: first.tools.clock.now, advance: async () => undefined }
      const client = new Client(at(0))
      await client.signIn(email, PASSWORD)
      const app = await enrolAuthenticator({ clock }, client)
      const attempts: string[] = []
      for (const node of [0, 1] as const) {
        const reply = await new Client(at(node)).post('/api/v1/auth/login', {
          username: email,
          password: PASSWORD,
        })
        attempts.push(reply.body.error.details.attempt)
      }
      // of the step that follows, which both nodes accept
      const code = method === 'totp' ? codeOf({ clock }, app.secret, 1) : app.backupCodes[0]
      const replies = await Promise.all(
        Array.from({ length: 100 }, (_, n) => {
          const body = { attempt: attempts[(n >> 1) % 2], method, code }
          return new Client(at((n % 2) as 0 | 1)).post('/api/v1/auth/mfa/verify', body)
        }),
      )
      expect(replies.filter(({ status }) => status === 200)).toHaveLength(1)
    },
  )

  it('check the database while the LISTEN connection is down, and receive NOTIFY again afterwards', async () => {
    const fay = await register('fay@example.com')
    const [first, second] = [await signIn(at(0), fay), await signIn(at(0), fay)]
    const revocations = nodes.apps[1]?.tools.revocations
    let wasDown = false
    const stop = revocations?.onLine((isLive) => {
      if (!isLive) wasDown = true
    })
    expect(revocations?.isLive()).toBe(true)
    await cutListener(nodes.db)
    await expect.poll(() => wasDown).toBe(true)
    await revoke(first.access_token)
    // without the LISTEN connection each check reads the database; a restored connection receives the revocation by NOTIFY
    let isRefused = false
    for (let n = 0; n < 100; n++) {
      const wasLive = revocations?.isLive()
      const status = await me(at(1), first.access_token)
      isRefused ||= status === 401
      if (isRefused || !wasLive) expect(status).toBe(401)
      await pause(10)
    }
    expect(isRefused).toBe(true)
    await expect.poll(() => revocations?.isLive()).toBe(true)
    expect(await me(at(1), second.access_token)).toBe(200)
    await revoke(second.access_token)
    await expect.poll(() => me(at(1), second.access_token)).toBe(401)
    stop?.()
  })
})
