/** `connections setup-link …` on the tools of a running server, as the control socket runs them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { HTML } from '../testing/federation.ts'
import { type Person, startWorld, type World } from '../testing/world.ts'
import { type Args, type Command, UsageError } from './command.ts'
import { setupLinkCreate, setupLinkList, setupLinkRevoke } from './setup-links.ts'

let world: World
let owner: Person
let admin: Person
let second: Person
let organization: string
let slug: string
beforeAll(async () => {
  world = await startWorld()
  owner = await world.person()
  admin = await world.person()
  second = await world.person()
  organization = await world.organization({
    members: [[owner, 'owner'], [admin, 'admin'], [second, 'owner']],
  })
  slug = (await owner.client.get(`/api/v1/organizations/${organization}`)).data.slug
}) // biome-ignore format: members
afterAll(() => world.stop())

async function run(command: Command, values: Args['values'], positionals: string[] = []) {
  if (command.on !== 'tools') throw new Error('not on the tools')
  const { json, text } = await command.run(world.app.tools, { values, positionals })
  // biome-ignore lint/suspicious/noExplicitAny: what a command prints is looked into freely
  return { json: json as any, text }
}

const eventsAbout = async (id: string) => {
  const rows = await world.db.tx('system', (tx) =>
    tx
      .selectFrom('audit_events')
      .select(['event_type', 'user_id', 'organization_id', 'details'])
      .where('organization_id', '=', organization)
      .orderBy('id')
      .execute(),
  )
  return rows.filter(({ details }) => (details as { setup_link_id?: string }).setup_link_id === id)
}

describe('set-up links on the command line', () => {
  it('are made in the name of an owner, listed and revoked, as the operator', async () => {
    const { json, text } = await run(setupLinkCreate, { organization: slug, provider: 'okta', days: '2' })
    expect(json).toMatchObject({ intent: 'both', provider: 'okta' })
    expect(text.split('\n')[0]).toBe(json.url)
    const client = world.client()
    const path = new URL(json.url).pathname
    expect((await client.get(path, HTML)).status).toBe(200)
    const listed = await run(setupLinkList, { organization })
    const first = [owner.id, second.id].sort()[0]
    expect(listed.json.links).toMatchObject([{ id: json.id, state: 'open', made_by: first }])
    expect(listed.text).toMatch(/^ID +SETS UP/)
    expect(listed.text).not.toContain(path.split('.')[1])
    expect((await run(setupLinkRevoke, { organization: slug }, [json.id])).text).toContain('is revoked')
    expect((await client.get(path, HTML)).status).toBe(410)
    expect((await run(setupLinkList, { organization })).text).toBe('There are no open set-up links.')
    expect(await eventsAbout(json.id)).toMatchObject([
      {
        event_type: 'organization.setup_link.created',
        user_id: null,
        details: { by: 'operator', maker: first, provider: 'okta', by_email: false },
      },
      { event_type: 'organization.setup_link.revoked', user_id: null, details: { by: 'operator' } },
    ])
    await expect(run(setupLinkRevoke, { organization: slug }, [json.id])).rejects.toMatchObject({
      code: 'NOT_FOUND',
    })
  })

  it('are sent by e-mail, and work in the name of the owner who is named', async () => {
    const { json } = await run(setupLinkCreate, {
      organization,
      owner: second.email.toUpperCase(),
      email: 'it@acme.example',
      locale: 'de',
      intent: 'domain',
    })
    expect((await run(setupLinkList, { organization })).json.links).toMatchObject([
      { id: json.id, intent: 'domain', made_by: second.id },
    ])
    const { text } = await world.mailbox.emailTo('it@acme.example')
    expect(text).toContain('Einrichtung beginnen')
    expect(text).toContain(json.url)
  })

  it('refuse wrong usage, members who may not, and links of another organization', async () => {
    const usage: [Command, Args['values'], string[]][] = [
      [setupLinkCreate, {}, []],
      [setupLinkList, {}, []],
      [setupLinkRevoke, {}, ['lnk_x']],
      [setupLinkCreate, { organization, days: '8' }, []],
    ]
    for (const [command, values, positionals] of usage)
      await expect(run(command, values, positionals)).rejects.toBeInstanceOf(UsageError)
    const refused: Args['values'][] = [
      { owner: admin.email },
      { owner: 'stranger@example.com' },
      { provider: 'facebook' },
      { intent: 'all' },
      { email: 'x' },
      { locale: 'fr' },
    ]
    for (const values of refused)
      await expect(run(setupLinkCreate, { organization, ...values })).rejects.toMatchObject({
        code: 'VALIDATION_ERROR',
      })
    await expect(run(setupLinkCreate, { organization: 'none' })).rejects.toMatchObject({ code: 'NOT_FOUND' })
    const { json } = await run(setupLinkCreate, { organization })
    const neighbour = await world.organization({ members: [[await world.person(), 'owner']] })
    await expect(run(setupLinkRevoke, { organization: neighbour }, [json.id])).rejects.toMatchObject({
      code: 'NOT_FOUND',
    })
    const ownerless = await world.organization({ members: [] })
    await expect(run(setupLinkCreate, { organization: ownerless })).rejects.toMatchObject({
      code: 'VALIDATION_ERROR',
    })
  })
})
