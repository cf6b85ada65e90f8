/** `clients …` on the tools of a running server, as the control socket runs them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sha256 } from '../base/crypto.ts'
import { eventsAbout } from '../features/oidc/clients/testing.ts'
import { startWorld, type World } from '../testing/world.ts'
import {
  clientsCreate,
  clientsDelete,
  clientsDisable,
  clientsEnable,
  clientsList,
  clientsSecretAdd,
  clientsSecretRemove,
  clientsShow,
  clientsUpdate,
} from './clients.ts'
import { type Args, type Command, UsageError } from './command.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.stop())

async function run(command: Command, positionals: string[], values: Args['values'] = {}) {
  if (command.on !== 'tools') throw new Error('not on the tools')
  const terminal = { commands: [], interactive: false, json: true, readStdin: async () => '' }
  const args = { values, positionals }
  const prepared = (await command.prepare?.(args, terminal)) ?? args
  const { json, text } = await command.run(world.app.tools, prepared)
  // biome-ignore lint/suspicious/noExplicitAny: what a command prints is looked into freely
  return { json: json as any, text }
}
const URI = 'https://portal.example.com/callback'

describe('clients on the command line', () => {
  it('are created, shown, changed, disabled, enabled and deleted, as the operator', async () => {
    const made = await run(clientsCreate, [], { id: 'portal', name: 'Portal', 'redirect-uris': `${URI} ${URI}/2` })
    expect(made.json).toMatchObject({
      client_id: 'portal',
      organization_id: null,
      settings: { redirect_uris: [URI, `${URI}/2`] },
    })
    expect(made.text).toContain(`Secret: ${made.json.client_secret}`)
    const { client_secret: secret, ...client } = made.json
    const shown = await run(clientsShow, ['portal'])
    expect(shown.json).toEqual(client)
    expect(`${JSON.stringify(shown.json)}${shown.text}`).not.toContain(secret)
    expect((await run(clientsList, [])).json.clients).toEqual([client])
    const changed = await run(clientsUpdate, ['portal'], { settings: '{"first_party":true}', 'redirect-uris': URI })
    expect(changed.json.settings).toMatchObject({ first_party: true, redirect_uris: [URI] })
    expect((await run(clientsDisable, ['portal'])).json.status).toBe('disabled')
    expect((await run(clientsEnable, ['portal'])).json.status).toBe('active')
    await expect(run(clientsDelete, ['portal'])).rejects.toThrow(UsageError)
    expect((await run(clientsDelete, ['portal'], { yes: true })).json).toEqual({ client_id: 'portal', name: 'Portal' })
    await expect(run(clientsShow, ['portal'])).rejects.toMatchObject({ code: 'NOT_FOUND' })
    const events = await eventsAbout(world, 'portal')
    expect(events.map(({ type }) => type)).toEqual([
      'client.created', 'client.secret.created', 'client.updated', 'client.disabled', 'client.enabled', 'client.disabled', 'client.deleted',
    ])
    expect(events.every(({ details }) => details.by === 'operator')).toBe(true)
    expect((await run(clientsList, [])).text).toBe('There are no apps.')
  }) // biome-ignore format: requests on one line

  it('have secrets that are added and removed', async () => {
    const { json } = await run(clientsCreate, [], { name: 'Service', grants: 'client_credentials' })
    const added = await run(clientsSecretAdd, [json.client_id], { expires: '90d' })
    expect(added.text).toContain(`Secret: ${added.json.client_secret}`)
    expect(Date.parse(added.json.expires_at) - world.clock.now().getTime()).toBeGreaterThan(89 * 86_400_000)
    await run(clientsSecretRemove, [json.client_id, json.secrets[0].id])
    await expect(run(clientsSecretRemove, [json.client_id, json.secrets[0].id])).rejects.toMatchObject({ code: 'NOT_FOUND' })
    expect((await world.app.tools.clients.find(json.client_id))?.secrets.map(({ hash }) => hash)).toEqual([
      sha256(added.json.client_secret),
    ])
    await expect(run(clientsSecretAdd, [json.client_id], { expires: 'soon' })).rejects.toThrow(UsageError)
  }) // biome-ignore format: requests on one line

  it('belong to the organization that is named', async () => {
    const owner = await world.person()
    const id = await world.organization({ members: [[owner, 'owner']] })
    const of = { organization: id }
    const { json } = await run(clientsCreate, [], { ...of, name: 'App', auth: 'none', 'redirect-uris': URI })
    expect(json).toMatchObject({ organization_id: id, client_secret: null, secrets: [] })
    expect((await run(clientsList, [], of)).json.clients).toHaveLength(1)
    for (const command of [clientsShow, clientsDisable])
      await expect(run(command, [json.client_id])).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await expect(run(clientsUpdate, [json.client_id], { ...of, settings: '{"first_party":true}' })).rejects.toMatchObject({
      code: 'VALIDATION_ERROR',
    })
    expect((await run(clientsDelete, [json.client_id], { ...of, yes: true })).json.client_id).toBe(json.client_id)
  }) // biome-ignore format: requests on one line

  it('are refused where a field is missing or cannot be read', async () => {
    await expect(run(clientsCreate, [])).rejects.toThrow('--name')
    await expect(run(clientsCreate, [], { name: 'A', settings: '[]' })).rejects.toThrow('--settings')
    await expect(run(clientsUpdate, ['portal'])).rejects.toThrow('at least one')
    for (const values of [{ name: 'A' }, { name: 'A', 'redirect-uris': URI, id: 'a/b' }, { name: 'A', 'redirect-uris': URI, settings: '{"x":1}' }])
      await expect(run(clientsCreate, [], values)).rejects.toMatchObject({ code: 'VALIDATION_ERROR' })
  }) // biome-ignore format: a table
})
