/**
 * Whose identities a connection signs in: within an organization another connection of its owners takes them over, one of
 * another protocol never does, nor one that was made through a set-up link.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Client } from '../../../testing/client.ts'
import { type Federated, goal, startFederated } from '../../../testing/federation.ts'
import { answerSaml, beginSaml, samlRequestIn } from '../../../testing/saml-browser.ts'
import { samlPeer } from '../../../testing/saml-connection.ts'
import type { Person } from '../../../testing/world.ts'

let federated: Federated
beforeAll(async () => {
  federated = await startFederated()
})
afterAll(() => federated.stop())

let count = 0

/** An owner whose identity at the first connection is linked, and the organization's id. */
async function organization() {
  const [person] = await federated.world.people(1)
  if (!person) throw new Error('no user was created')
  const { data } = await person.client.post('/api/v1/organizations', { name: 'Engines' })
  const main = await federated.connect('oidc', { organizationId: data.id })
  const user = { sub: `boss-${++count}`, email: null }
  federated.fakes.provider('oidc').user = user
  await linkBy(person, main.slug)
  expect(await connectionsOf(person)).toEqual([main.id])
  return { person, main, user, id: data.id as string }
}

const linkBy = async ({ client }: Pick<Person, 'client'>, slug: string): Promise<string | null> => {
  const begun = await client.post(`/api/v1/auth/external/${slug}/link`, {})
  return goal(await federated.answer(client, await federated.fakes.authorize(begun.data.authorization_url)))
}
const connectionsOf = async ({ id }: Pick<Person, 'id'>): Promise<(string | null)[]> =>
  (await federated.identitiesOf(id)).map(({ connection_id }) => connection_id)

/** Another connection of the same issuer. */
async function connectAgain(organizationId: string, origin: 'api' | 'setup_link') {
  const made = await federated.connect('oidc', { organizationId })
  await federated.world.db.tx('system', (tx) =>
    tx.updateTable('connections').set({ origin }).where('id', '=', made.id).execute(),
  )
  return made
}

const isSignedIn = async (client: Client): Promise<boolean> =>
  (await client.get('/api/v1/auth/me')).status === 200
const TAKEN = /^\/sign-in\/failed\?.*reason=taken/

describe('an identity of an organization', () => {
  it('is not signed in, continued, linked or moved by a connection of a set-up link', async () => {
    const { person, main, id } = await organization()
    const other = await connectAgain(id, 'setup_link')
    const stranger = federated.world.client()
    expect(goal(await federated.signIn(stranger, other.slug))).toMatch(TAKEN)
    expect(await isSignedIn(stranger)).toBe(false)
    // not even by its own user
    expect(await linkBy(person, other.slug)).toMatch(/reason=taken/)
    const [another] = await federated.world.people(1)
    expect(await linkBy(another as Person, other.slug)).toMatch(/reason=taken/)
    expect(await connectionsOf(person)).toEqual([main.id])
    const [event] = await federated.world.db.hot
      .selectFrom('connection_events')
      .select(['fault', 'detail'])
      .where('connection_id', '=', other.id)
      .orderBy('id', 'desc')
      .execute()
    expect(event).toMatchObject({ fault: 'taken', detail: expect.stringContaining('set-up link') })
    // the one that has linked it signs in
    const own = federated.world.client()
    await federated.signIn(own, main.slug)
    expect((await federated.me(own)).id).toBe(person.id)
  })

  it('whose connection was deleted is not signed in by one of a set-up link', async () => {
    const { person, main, id } = await organization()
    expect((await person.client.delete(`/api/v1/organizations/${id}/connections/${main.id}`)).status).toBe(
      200,
    )
    const other = await connectAgain(id, 'setup_link')
    expect(goal(await federated.signIn(federated.world.client(), other.slug))).toMatch(TAKEN)
    // until the job has released its tokens, or for good: the id says by which connection the identity came
    expect(await connectionsOf(person)).toEqual([main.id])
  })

  it('is signed in by a connection of a set-up link that has linked it', async () => {
    const [person] = await federated.world.people(1)
    if (!person) throw new Error('no user was created')
    const { data } = await person.client.post('/api/v1/organizations', { name: 'Engines' })
    const made = await connectAgain(data.id, 'setup_link')
    federated.fakes.provider('oidc').user = { sub: `own-${++count}`, email: null }
    await linkBy(person, made.slug)
    const client = federated.world.client()
    await federated.signIn(client, made.slug)
    expect((await federated.me(client)).id).toBe(person.id)
  })

  it('is taken over by a connection of an owner, and then no longer signed in by that of a set-up link', async () => {
    const { person, id } = await organization()
    const [owners, links] = [await connectAgain(id, 'api'), await connectAgain(id, 'setup_link')]
    const client = federated.world.client()
    await federated.signIn(client, owners.slug)
    expect((await federated.me(client)).id).toBe(person.id)
    expect(await connectionsOf(person)).toEqual([owners.id])
    expect(goal(await federated.signIn(federated.world.client(), links.slug))).toMatch(TAKEN)
  })

  it('of OpenID Connect is not one of SAML with the same issuer and subject, nor the other way round', async () => {
    const { person, main, user, id } = await organization()
    const issuer = federated.fakes.provider('oidc').settings.issuer ?? ''
    const [stored] = await federated.identitiesOf(person.id)
    const entityId = stored?.issuer ?? issuer
    const peer = await samlPeer(federated.world, { organizationId: id, saml: { entity_id: entityId } })
    const path = `/api/v1/auth/external/${peer.connection.slug}`
    const as = (nameId: string) => ({ key: peer.key, issuer: entityId, nameId })
    const stranger = federated.world.client()
    const request = await beginSaml(stranger, `${path}/authorize`)
    expect(await answerSaml(federated.world, stranger, request, as(user.sub))).toMatch(TAKEN)
    expect(await isSignedIn(stranger)).toBe(false)
    expect(await connectionsOf(person)).toEqual([main.id])
    const begun = (await person.client.post(`${path}/link`, {})).data.authorization_url
    await answerSaml(federated.world, person.client, samlRequestIn(begun), as('by-saml'))
    expect(await connectionsOf(person)).toEqual([main.id, peer.connection.id])
    federated.fakes.provider('oidc').user = { sub: 'by-saml', email: null }
    const other = federated.world.client()
    expect(goal(await federated.signIn(other, main.slug))).toMatch(TAKEN)
    expect(await isSignedIn(other)).toBe(false)
  })
})
