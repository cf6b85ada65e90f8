/** The hosted pages of set-up links in their states, and the owner's page that shows a new one. */
import type { Client } from '../../packages/server/src/testing/client.ts'
import type { World } from '../../packages/server/src/testing/world.ts'
import type { PageState } from './pages.ts'
import type { Visitor } from './visitor.ts'

const TITLE = 'Set up the sign-in of Engines'
let domains = 0

interface Handed {
  owner: Client
  organization: string
  path: string
}

async function handOver(world: World, fields: object): Promise<Handed> {
  const person = await world.person()
  const organization = await world.organization({ name: 'Engines', members: [[person, 'owner']] })
  const { data } = await person.client.post(
    `/api/v1/organizations/${organization}/connections/setup-links`,
    fields,
  )
  return { owner: person.client, organization, path: new URL(data.url).pathname }
}

async function choose(me: Visitor, path: string, choice: string): Promise<void> {
  await me.visit(`${path}/provider`)
  await me.page.getByLabel('Provider', { exact: true }).selectOption(choice)
  await me.press('Continue')
  await me.page.waitForURL('**/settings')
}

async function addDomain(me: Visitor, path: string): Promise<void> {
  await me.visit(`${path}/domain`)
  await me.fill({ Domain: `setup${++domains}.example.com` })
  await me.press('Add domain')
  await me.page.getByText('_latchkey-challenge.').first().waitFor()
}

/** A page of a link that was just handed over. */
const state = (
  name: string,
  open: (me: Visitor, handed: Handed, world: World) => Promise<void>,
  more: Partial<PageState> & { fields?: object } = {},
): PageState => {
  const { fields = {}, ...others } = more
  return {
    name: `setup-link-${name}`,
    as: 'stranger',
    heading: TITLE,
    ...others,
    open: async (me, world) => await open(me, await handOver(world, fields), world),
  }
}

export const SETUP_STATES: readonly PageState[] = [
  state('start', (me, { path }) => me.visit(path)),
  state('provider', (me, { path }) => me.visit(`${path}/provider`)),
  state('settings-oidc', (me, { path }) => choose(me, path, 'entra-oidc')),
  state('settings-saml', (me, { path }) => choose(me, path, 'okta-saml')),
  state(
    'settings-refused',
    async (me, { path }) => {
      await choose(me, path, 'saml')
      await me.page.locator('[name=metadata_url]').fill('https://127.0.0.1/metadata')
      await me.press('Check and save')
      await me.page.locator('#field-metadata_url-error').waitFor()
    },
    { status: 400 },
  ),
  state('test-incomplete', async (me, { path }) => {
    await choose(me, path, 'saml')
    await me.visit(`${path}/test`)
  }),
  state('test-passed', async (me, { organization, path }, world) => {
    await choose(me, path, 'oidc')
    await world.db.tx('system', (tx) =>
      tx
        .updateTable('connections')
        .set({
          tested_at: world.clock.now(),
          client_id: 'c',
          client_secret: world.app.tools.keyring.encrypt('connections', 's'),
          settings: JSON.stringify({ issuer: 'https://login.example.com' }),
        })
        .where('organization_id', '=', organization)
        .execute(),
    )
    await me.visit(`${path}/test`)
    await me.visit(path)
    await me.page.getByRole('button', { name: 'Activate the connection' }).waitFor()
  }),
  state('domain', (me, { path }) => addDomain(me, path)),
  state(
    'done',
    async (me, { path }) => {
      await addDomain(me, path)
      await me.visit(path)
      await me.press('Finish')
    },
    { fields: { intent: 'domain' }, heading: 'The set-up is completed' },
  ),
  state('unknown', (me, { path }) => me.visit(`${path}x`), {
    status: 404,
    heading: 'This link cannot be used',
  }),
  state(
    'revoked',
    async (me, { owner, organization, path }) => {
      const links = `/api/v1/organizations/${organization}/connections/setup-links`
      await owner.delete(`${links}/${path.split('/').at(-1)?.split('.')[0]}`)
      await me.visit(path)
    },
    { status: 410, heading: 'This link cannot be used' },
  ),
  {
    name: 'setup-link-made',
    as: 'stranger',
    heading: 'Engines',
    async open(me, world) {
      const person = await world.person({ signIn: false })
      const id = await world.organization({ name: 'Engines', members: [[person, 'owner']] })
      await me.signIn(person.email)
      await me.page.waitForURL('**/account')
      await me.visit(`/account/organizations/${id}/connections`)
      await me.follow('Set-up links')
      await me.press('Create link')
      await me.page.locator('#setup-link').waitFor()
    },
  },
]
