/** `api-keys …` on the tools of a running server, as the control socket runs them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startWorld, type World } from '../testing/world.ts'
import { apiKeysCreate, apiKeysList, apiKeysRevoke } from './api-keys.ts'
import type { Args, Command } from './command.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
  await world.person({ email: 'ada@example.com', username: 'ada' })
  await world.person({ email: 'ben@example.com' })
})
afterAll(() => world.stop())

const TERMINAL = { commands: [], interactive: false, json: true, readStdin: async () => '' }
async function run(command: Command, positionals: string[], values: Args['values'] = {}) {
  if (command.on !== 'tools') throw new Error('not on the tools')
  const given = { values, positionals }
  const args = (await command.prepare?.(given, TERMINAL)) ?? given
  const { json, text } = await command.run(world.app.tools, args)
  // biome-ignore lint/suspicious/noExplicitAny: what a command prints is looked into freely
  return { json: json as any, text }
}
const validate = (key: string) =>
  world.client().get('/api/v1/auth/validate', { headers: { 'x-api-key': key } })

describe('API keys issued by the operator', () => {
  it('act for the account, are listed without their secret, and are refused when they are revoked', async () => {
    const values = { name: 'Nightly', permissions: 'dashboard:read', expires: '90d', environment: 'test' }
    const made = await run(apiKeysCreate, ['ada'], values)
    const { api_key: key, ...api_key } = made.json
    expect(made.text).toContain(key)
    expect((await validate(key)).data).toMatchObject({
      username: 'ada',
      permissions: ['dashboard:read'],
      key_id: api_key.key_id,
    })
    expect(Date.parse(api_key.expires_at) - Date.parse(api_key.created_at)).toBe(90 * 86_400_000)
    const list = await run(apiKeysList, ['ada@example.com'])
    expect(list.json.api_keys).toEqual([expect.objectContaining({ key_id: api_key.key_id, name: 'Nightly' })])
    expect(list.text).toMatch(/Nightly\s+lk_test_\w{4}\s+dashboard:read\s+active/)
    expect(JSON.stringify(list)).not.toContain(key.slice(12))
    await run(apiKeysRevoke, ['ada', api_key.key_id])
    expect((await validate(key)).status).toBe(401)
    expect((await run(apiKeysList, ['ada'])).text).toBe('There are no API keys.')
    expect(await world.events()).toEqual(
      expect.arrayContaining(['auth.api_key.created', 'auth.api_key.revoked']),
    )
  })

  it('have at most the permissions of the account, and belong to it alone', async () => {
    await expect(run(apiKeysCreate, ['ada'], { name: 'x', permissions: 'users:read' })).rejects.toMatchObject(
      {
        code: 'INSUFFICIENT_PERMISSIONS',
      },
    )
    const { json } = await run(apiKeysCreate, ['ada'], { name: 'x', permissions: '*' })
    await expect(run(apiKeysRevoke, ['ben@example.com', json.key_id])).rejects.toMatchObject({
      code: 'NOT_FOUND',
    })
    await expect(run(apiKeysList, ['unknown'])).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await expect(run(apiKeysCreate, ['unknown'], { name: 'x', permissions: '*' })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    })
  })

  it('require complete and valid options', async () => {
    await expect(run(apiKeysCreate, ['ada'])).rejects.toThrow('--name is missing.')
    await expect(run(apiKeysCreate, ['ada'], { name: 'x' })).rejects.toThrow('--permissions is missing.')
    const complete = { name: 'x', permissions: '*' }
    await expect(run(apiKeysCreate, ['ada'], { ...complete, expires: 'soon' })).rejects.toThrow(
      '--expires takes',
    )
    for (const wrong of [{ environment: 'prod' }, { permissions: 'users' }, { expires: '4000d' }])
      await expect(run(apiKeysCreate, ['ada'], { ...complete, ...wrong })).rejects.toMatchObject({
        code: 'VALIDATION_ERROR',
      })
  })
})
