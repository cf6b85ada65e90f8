/** LATCHKEY_EXTERNAL_ORGANIZATION=choose: what a user is offered once, after the sign-in that made the account. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Client } from '../../../testing/client.ts'
import { type Federated, goal, HTML, startFederated } from '../../../testing/federation.ts'
import { linkIn } from '../../../testing/mailbox.ts'

const START = '/account/organizations/start'

let federated: Federated
beforeAll(async () => {
  federated = await startFederated({ externalOrganization: 'choose' })
  await federated.connect('google', { name: 'Google' })
})
afterAll(() => federated?.stop())

const organizationsOf = async (client: Client) =>
  (await client.get('/api/v1/users/me/organizations')).data.map(({ name }: { name: string }) => name)

/** A browser after its first sign-in. */
async function newcomer(query: Record<string, string> = {}) {
  const person = federated.atGoogle()
  const client = federated.world.client()
  return { ...person, client, at: goal(await federated.signIn(client, 'google', query)) ?? '' }
}

async function invitationFor(email: string, name: string): Promise<void> {
  const owner = await federated.world.person()
  const id = await federated.world.organization({ name, members: [[owner, 'owner']] })
  const { status } = await owner.client.post(`/api/v1/organizations/${id}/members`, { email, role: 'member' })
  expect(status).toBe(202)
}

describe('the choice of an organization', () => {
  it('is offered after the first sign-in, and not after the second', async () => {
    const { client, at } = await newcomer({ return_to: '/account/sessions' })
    expect(at).toBe(`${START}?return_to=%2Faccount%2Fsessions`)
    const page = (await client.get(at, HTML)).text
    expect(page).toContain('Continue without an organization')
    expect(page).toContain('href="/account/sessions"')
    expect(await organizationsOf(client)).toEqual([])
    const again = federated.world.client()
    expect(goal(await federated.signIn(again, 'google'))).toBe('/account')
  })

  it('creates one, and continues', async () => {
    const { client, at } = await newcomer({ return_to: '/account/sessions' })
    const refused = await federated.submit(client, at, { name: '' })
    expect(refused.status).toBe(400)
    expect(refused.text).toContain('value="/account/sessions"')
    const reply = await federated.submit(client, at, { name: 'Newcomers' })
    expect(goal(reply)).toBe('/account/sessions')
    expect(await organizationsOf(client)).toEqual(['Newcomers'])
  })

  it('shows the invitations of the verified address, and joins', async () => {
    const person = federated.atGoogle()
    await invitationFor(person.email, 'Inviting')
    await invitationFor('other@gmail.com', 'Not for you')
    const client = federated.world.client()
    const at = goal(await federated.signIn(client, 'google', { return_to: '/account/sessions' })) ?? ''
    const page = (await client.get(at, HTML)).text
    expect(page).toContain('Accept the invitation to Inviting')
    expect(page).not.toContain('Not for you')
    const action = /action="(\/account\/invitations\/[^"]*\/accept)"/.exec(page)?.[1] ?? ''
    const fields = { csrf_token: (await client.get('/csrf')).data.csrf_token, return_to: '/account/sessions' }
    const reply = await client.post(action, fields, { form: true, ...HTML })
    expect(goal(reply)).toBe('/account/sessions')
    expect(await organizationsOf(client)).toEqual(['Inviting'])
    expect(goal(await client.post(action, fields, { form: true, ...HTML }))).toBe('/account/sessions')
  })

  it('returns to the choice after an invitation is declined', async () => {
    const person = federated.atGoogle()
    await invitationFor(person.email, 'Declined')
    const client = federated.world.client()
    const at = goal(await federated.signIn(client, 'google')) ?? ''
    expect(at).toBe(START)
    const page = (await client.get(at, HTML)).text
    const action = /action="(\/account\/invitations\/[^"]*\/decline)"/.exec(page)?.[1] ?? ''
    const return_to = /\/decline".*?name="return_to" value="([^"]*)"/s.exec(page)?.[1] ?? ''
    const fields = { csrf_token: (await client.get('/csrf')).data.csrf_token, return_to }
    expect(goal(await client.post(action, fields, { form: true, ...HTML }))).toBe(
      `${START}?return_to=%2Faccount`,
    )
  })

  it('waits for an address that has to be verified', async () => {
    const { email } = federated.atGoogle({ email: 'unproven@elsewhere.example', email_verified: false })
    const client = federated.world.client()
    const question = goal(await federated.signIn(client, 'google')) ?? ''
    await federated.submit(client, question, { email })
    const link = linkIn(await federated.world.mailbox.emailTo(email), /verify-email/)
    const path = link.slice(federated.world.config.publicUrl.length)
    expect(goal(await federated.submit(client, path))).toBe(START)
  })

  it('ignores an address of another origin', async () => {
    const { client } = await newcomer()
    const page = (await client.get(`${START}?return_to=https://evil.example/`, HTML)).text
    expect(page).not.toContain('evil')
  })

  it('is for accounts that a connection of the server has made', async () => {
    const owner = await federated.world.person({ signIn: false })
    const id = await federated.world.organization({ members: [[owner, 'owner']] })
    const { slug } = await federated.connect('oidc', { organizationId: id })
    await federated.prove(id, 'own.example')
    federated.fakes.provider('oidc').user = {
      sub: 'own-1',
      email: 'a@own.example',
      email_verified: true,
      name: 'A',
    }
    expect(goal(await federated.signIn(federated.world.client(), slug))).toBe('/account')
  })

  it('needs a session', async () => {
    const reply = await federated.world.client().get(START, HTML)
    expect(goal(reply)).toBe('/sign-in?return_to=%2Faccount%2Forganizations%2Fstart')
  })
})

describe('without the setting', () => {
  it('a first sign-in leads where it was going', async () => {
    const none = await startFederated()
    try {
      await none.connect('google')
      none.atGoogle()
      const client = none.world.client()
      expect(goal(await none.signIn(client, 'google'))).toBe('/account')
      expect(await organizationsOf(client)).toEqual([])
    } finally {
      await none.stop()
    }
  })
})
