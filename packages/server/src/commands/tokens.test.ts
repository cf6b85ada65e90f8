/** `tokens …` and `keys …` on the tools of a running server, as the control socket runs them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Person, startWorld, type World } from '../testing/world.ts'
import type { Args, Command } from './command.ts'
import { keysList, keysRotate } from './keys.ts'
import { tokensCreate, tokensRevoke } from './tokens.ts'

let world: World
let ada: Person
beforeAll(async () => {
  world = await startWorld()
  ada = await world.person({ email: 'ada@example.com', username: 'ada' })
})
afterAll(() => world.stop())

const TERMINAL = { commands: [], interactive: false, json: true, readStdin: async () => '' }
// biome-ignore lint/suspicious/noExplicitAny: what a command prints is looked into freely
async function run(command: Command, positionals: string[], values: Args['values'] = {}): Promise<any> {
  return (await resultOf(world, command, positionals, values)).json
}
async function resultOf(
  { app }: World,
  command: Command,
  positionals: string[],
  values: Args['values'] = {},
) {
  if (command.on !== 'tools') throw new Error('not on the tools')
  const given = { values, positionals }
  const args = (await command.prepare?.(given, TERMINAL)) ?? given
  return command.run(app.tools, args)
}
const me = async (token: string) =>
  (await world.client().get('/api/v1/users/me', { headers: { authorization: `Bearer ${token}` } })).status
const validate = async (token: string) =>
  (await world.client().get('/api/v1/auth/validate', { headers: { authorization: `Bearer ${token}` } }))
    .status

describe('a token issued by the operator', () => {
  it('acts for the user without a session, for the given lifetime', async () => {
    const made = await run(tokensCreate, ['ada'], { lifetime: '2h' })
    expect(await validate(made.token)).toBe(200)
    // it is not a signed-in session
    expect(await me(made.token)).toBe(401)
    await world.clock.advance('119 minutes')
    expect(await validate(made.token)).toBe(200)
    await world.clock.advance('2 minutes')
    expect(await validate(made.token)).toBe(401)
  })

  it('is refused once it is revoked, by value, by id, or with all tokens of the account', async () => {
    const [one, two, three] = [
      await run(tokensCreate, [ada.email]),
      await run(tokensCreate, [ada.id]),
      await run(tokensCreate, ['ada']),
    ]
    expect(await run(tokensRevoke, [one.token])).toEqual({ revoked: true })
    await run(tokensRevoke, [two.id])
    expect([await validate(one.token), await validate(two.token), await validate(three.token)]).toEqual([
      401, 401, 200,
    ])
    await run(tokensRevoke, [], { user: 'ada' })
    expect(await validate(three.token)).toBe(401)
    expect(await validate((await run(tokensCreate, ['ada'])).token)).toBe(200)
  })

  it('requires a lifetime within bounds and an existing account', async () => {
    for (const lifetime of ['31d', '59s', 'soon', '-1h'])
      await expect(run(tokensCreate, ['ada'], { lifetime })).rejects.toThrow('--lifetime')
    await expect(run(tokensCreate, ['unknown'])).rejects.toThrow('no account')
    await expect(run(tokensRevoke, [])).rejects.toThrow('--user')
    await expect(run(tokensRevoke, ['nonsense'])).rejects.toThrow('not a valid token')
  })
})

describe('the signing keys', () => {
  it('are listed with their stages, and rotated with a lead or immediately', async () => {
    const { token } = await run(tokensCreate, ['ada'])
    const before = (await run(keysList, [])).keys.filter((key: { stage: string }) => key.stage === 'active')
    const { key } = await run(keysRotate, [])
    expect(key).toMatchObject({ stage: 'published', algorithm: 'ES256' })
    await world.clock.advance('11 minutes')
    const stages = Object.fromEntries(
      (await run(keysList, [])).keys.map((one: { kid: string; stage: string }) => [one.kid, one.stage]),
    )
    expect([stages[key.kid], stages[before[0].kid]]).toEqual(['active', 'retired'])
    expect(await validate(token)).toBe(200)
    const { key: emergency } = await run(keysRotate, [], { now: true })
    expect(emergency.stage).toBe('active')
    expect(await validate(token)).toBe(401)
    expect(await validate((await run(tokensCreate, ['ada'])).token)).toBe(200)
    const { body } = await world.client().get('/.well-known/jwks.json')
    expect(body.keys.map((one: { kid: string }) => one.kid)).toEqual([emergency.kid])
  })
})

describe('the signing keys of ID tokens', () => {
  it('are listed in words, and replaced with those of access tokens', async () => {
    const { keys } = world.app.tools
    await keys.demand('ES256')
    const { text } = await resultOf(world, keysList, [])
    expect(text).toMatch(/^sig_\w+ +ES256 +access tokens +active /m)
    expect(text).toMatch(/^sig_\w+ +ES256 +ID tokens +active /m)
    const rotated = await resultOf(world, keysRotate, [], { now: true })
    expect(rotated.text).toMatch(/^sig_\w+ signs access tokens from now on\. All other keys are removed/)
    const active = (await run(keysList, [])).keys.filter((key: { stage: string }) => key.stage === 'active')
    expect(active.map((key: { line: string }) => key.line).sort()).toEqual(['access_token', 'id_token'])
  })

  it('are replaced alone where access tokens are signed with a shared secret, also after a restored backup', async () => {
    const secret = 'a shared secret of the tests, long enough'
    const shared = await startWorld({ tokenAlgorithm: 'HS256', tokenSecret: secret })
    try {
      const { keys } = shared.app.tools
      await expect(resultOf(shared, keysRotate, [])).rejects.toThrow('LATCHKEY_TOKEN_SECRET')
      const revoke = () => resultOf(shared, tokensRevoke, [], { 'all-before': 'now' })
      expect((await revoke()).json).toMatchObject({ signing_keys: false })
      await keys.demand('ES256')
      const kids = () => keys.published().keys.map(({ kid }) => kid)
      const [first] = kids()
      const planned = await resultOf(shared, keysRotate, [])
      expect(planned.text).toMatch(/^sig_\w+ is published and signs ID tokens from /)
      const { text } = await resultOf(shared, keysRotate, [], { now: true })
      expect(text).toContain('Access tokens are signed with LATCHKEY_TOKEN_SECRET, and remain valid.')
      const [second] = kids()
      expect((await revoke()).json).toMatchObject({ signing_keys: false })
      const [third] = kids()
      expect(new Set([first, second, third]).size).toBe(3)
      expect(kids()).toEqual([third])
    } finally {
      await shared.stop()
    }
  })
})
