/** What the page of a failed test tells the customer's IT to look at, for the scripted faults of a provider. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { goal, HTML } from '../../../testing/federation.ts'
import { type SetupWorld, startSetupWorld, testByLink } from './testing.ts'

let all: SetupWorld
beforeAll(async () => {
  all = await startSetupWorld()
})
afterAll(() => all?.stop())

const GERMAN = { headers: { ...HTML.headers, 'accept-language': 'de' } }

async function prepared(more: object = {}) {
  const owner = await all.owner()
  const { at } = await all.link(owner, { intent: 'connection' })
  const client = all.world.client()
  const { clientId, secret, settings } = all.federated.fakes.provider('oidc')
  await all.send(client, at, '/provider', { choice: 'oidc' })
  const fields = { issuer: settings.issuer ?? '', client_id: clientId, client_secret: secret, ...more }
  expect(goal(await all.send(client, at, '/settings', fields))).not.toBeNull()
  return { owner, at, client, clientId }
}

describe('the advice after a test', () => {
  it.each([
    ['wrong_audience', { claims: { aud: 'another' } }, 'Copy the client ID of this application from the provider', 'Kopieren Sie die Client-ID'],
    ['redirect_refused', { denies: 'redirect_uri_mismatch' }, 'Enter it there to the letter', 'buchstabengetreu'],
    ['scope_refused', { denies: 'invalid_scope' }, 'The provider refuses a scope.', 'lehnt einen Scope ab'],
    ['not_json', { token: 'html' }, 'where the provider sends JSON', 'Statt JSON kam'],
    ['wrong_signature', { signature: 'stranger' }, 'not signed with a key that the provider publishes', 'signiert, den der Anbieter'],
    ['denied', { denies: 'access_denied' }, 'to which the application is assigned there', 'zugewiesen'],
  ] as const)('says what to look at: %s', async (fault, script, english, german) => {
    const { at, client, owner } = await prepared()
    all.federated.fakes.provider('oidc').script = script as object
    const shown = await testByLink(all, client, at)
    all.federated.fakes.provider('oidc').script = {}
    const { text } = await client.get(shown, HTML)
    expect(text).toContain('What to look at:')
    expect(text).toContain(english)
    expect((await client.get(shown, GERMAN)).text).toContain(german)
    // so does the page when it is opened later, and that of the last sign-ins
    expect((await client.get(`${at}/test`, HTML)).text).toContain(english)
    const [{ id }] = (await owner.client.get(`/api/v1/organizations/${owner.organization}/connections`)).data
    const path = `/organizations/${owner.organization}/connections/${id}/events`
    expect((await owner.client.get(`/api/v1${path}`)).data[0]).toMatchObject({ flow: 'test', fault })
    expect((await owner.client.get(`/account${path}`, HTML)).text).toContain(english)
  }) // biome-ignore format: a table

  it('says that the provider refuses the client secret', async () => {
    const { at, client, clientId } = await prepared({ client_secret: 'mistyped' })
    const { text } = await client.get(await testByLink(all, client, at), HTML)
    expect(text).toContain('The provider refuses the client ID or the client secret.')
    expect(text).toContain('copy the client ID and the client secret again')
    expect(text).toContain(clientId)
    expect(text).not.toContain('mistyped')
  })

  it('says before it what it means if the browser does not come back', async () => {
    const { at, client } = await prepared()
    const { text } = await client.get(`${at}/test`, HTML)
    expect(text).toContain('itself shows an error and does not lead back here')
    expect(text).toMatch(/redirect URI http[^ ]*\/api\/v1\/auth\/external\/con_\w+\/callback/)
    expect(text).not.toContain('What to look at:')
  })
})
