/** The caller's connected accounts: listing and disconnecting them, by JSON and on the pages, and what ends with one. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { keyring as createKeyring } from '../../../base/crypto.ts'
import type { Client } from '../../../testing/client.ts'
import { type Federated, goal, HTML, startFederated } from '../../../testing/federation.ts'
import { PASSWORD, type World } from '../../../testing/world.ts'
import { keptTokenJobs } from '../../identity/identities/index.ts'
import { listConnected } from './connected.ts'

const API = '/api/v1'
const LIST = `${API}/auth/external/linked-accounts`
const unlinkPath = (name: string): string => `${API}/auth/external/${name}/unlink`

let federated: Federated
let world: World
beforeAll(async () => {
  // with sign-in by e-mail, the mailbox would be another way in
  federated = await startFederated({ emailSignIn: [] })
  world = federated.world
  await federated.connect('google', { name: 'Google' })
  await federated.connect('github', { name: 'GitHub' })
})
afterAll(() => federated?.stop())

/** A person whose account a first sign-in at Google has made. */
async function visitor(): Promise<{ client: Client; id: string; email: string }> {
  const { email } = federated.atGoogle()
  const client = world.client()
  await federated.signIn(client, 'google')
  const { id } = await federated.me(client)
  return { client, id, email }
}

let people = 1000
/** Connects the caller's account with another one at GitHub. @returns its subject */
async function connectGitHub(client: Client): Promise<string> {
  const id = ++people
  const github = federated.fakes.provider('github')
  github.user = { ...github.user, id, login: `octo${id}`, email: `octo${id}@example.com` }
  const { data } = await client.post(`${API}/auth/external/github/link`, {})
  const answered = await federated.answer(client, await federated.fakes.authorize(data.authorization_url))
  expect(goal(answered)).toBe('/account/connected?notice=connected')
  return String(id)
}

describe('the list of connected accounts', () => {
  it('has what the provider said, and no tokens', async () => {
    const { client, email } = await visitor()
    const { status, data } = await client.get(LIST)
    expect(status).toBe(200)
    expect(data).toEqual([
      {
        id: expect.stringMatching(/^idn_/),
        provider: 'google',
        kind: 'google',
        connection: { slug: 'google', name: 'Google' },
        issuer: expect.stringContaining('accounts.google.com'),
        subject: expect.stringMatching(/^google-/),
        email,
        email_verified: true,
        name: expect.stringMatching(/^Person/),
        linked_at: expect.stringMatching(/^2030-06-01T12:/),
        last_used_at: expect.stringMatching(/^2030-06-01T12:/),
        unlink_available: false,
      },
    ])
  })

  it('says what can be disconnected: another way to sign in is left', async () => {
    const { client } = await visitor()
    await connectGitHub(client)
    const { data } = await client.get(LIST)
    expect(data.map(({ unlink_available }: { unlink_available: boolean }) => unlink_available)).toEqual([
      true,
      true,
    ])
  })

  it('names connections as the list of providers does, and has accounts of deleted ones, which are named by their ids', async () => {
    const { id, slug } = await federated.connect('gitlab', { slug: 'gitlab-old', name: 'Old GitLab' })
    const person = await world.person()
    const gitlab = federated.fakes.provider('gitlab')
    gitlab.user = { ...gitlab.user, sub: 'old-1', email: 'old-1@example.com' }
    const { data } = await person.client.post(`${API}/auth/external/${slug}/link`, {})
    await federated.answer(person.client, await federated.fakes.authorize(data.authorization_url))
    const [{ provider, kind }] = (await person.client.get(LIST)).data
    expect([provider, kind]).toEqual([slug, 'gitlab'])
    const { data: offered } = await person.client.get(`${API}/auth/external/providers`)
    expect(offered).toContainEqual(expect.objectContaining({ provider, kind, name: 'Old GitLab' }))
    await world.db.tx('system', (tx) => tx.deleteFrom('connections').where('id', '=', id).execute())
    const [account] = (await person.client.get(LIST)).data
    expect(account).toMatchObject({
      provider: null,
      kind: 'gitlab',
      connection: null,
      unlink_available: true,
    })
    const page = await person.client.get('/account/connected', HTML)
    expect(page.text).toContain('GitLab (no longer offered)')
    expect((await person.client.delete(unlinkPath(account.id))).status).toBe(200)
    expect((await person.client.get(LIST)).data).toEqual([])
  })

  it('needs a session', async () => {
    expect((await world.client().get(LIST)).status).toBe(401)
    const key = await (await world.person()).client.apiKey()
    expect((await key.client.get(LIST)).code).toBe('AUTHENTICATION_REQUIRED')
  })
})

describe('disconnecting an account', () => {
  it('is recorded, told by e-mail, and ends that it signs in', async () => {
    const { client, id, email } = await visitor()
    await connectGitHub(client)
    const reply = await client.delete(unlinkPath('google'))
    expect([reply.status, reply.body.message]).toEqual([200, 'Account disconnected.'])
    expect((await client.get(LIST)).data).toHaveLength(1)
    const event = await world.db.tx('system', (tx) =>
      tx
        .selectFrom('audit_events')
        .selectAll()
        .where('user_id', '=', id)
        .where('event_type', '=', 'auth.identity.unlinked')
        .executeTakeFirstOrThrow(),
    )
    expect(event).toMatchObject({
      details: { provider: 'google', issuer: expect.any(String), subject: expect.any(String) },
    })
    await world.app.settle()
    const letter = await world.mailbox.emailTo(email, /disconnected/)
    expect(letter.subject).toContain('Google was disconnected')
    expect(letter.text).toContain(`${email} at Google no longer signs in`)
    // at Google they are unknown now: the account with the address is theirs, which has to be signed in to
    expect(goal(await federated.signIn(world.client(), 'google'))).toMatch(/^\/sign-in\/connect/)
  })

  it('ends the other sessions that it alone has proven, and no others', async () => {
    const person = await world.person()
    federated.atGoogle()
    const { data } = await person.client.post(`${API}/auth/external/google/link`, {})
    await federated.answer(person.client, await federated.fakes.authorize(data.authorization_url))
    const byGoogle = world.client()
    await federated.signIn(byGoogle, 'google')
    const byPassword = world.client()
    await byPassword.signIn(person.email, PASSWORD)
    expect((await byGoogle.get(`${API}/auth/me`)).status).toBe(200)
    expect((await person.client.delete(unlinkPath('google'))).status).toBe(200)
    const states = [byGoogle, byPassword, person.client].map(
      async (one) => (await one.get(`${API}/auth/me`)).status,
    )
    expect(await Promise.all(states)).toEqual([401, 200, 200])
  })

  it('leaves the session that asks for it, although it was proven by that account', async () => {
    const { client } = await visitor()
    await connectGitHub(client)
    const other = world.client()
    await federated.signIn(other, 'google')
    expect((await client.delete(unlinkPath('google'))).status).toBe(200)
    expect((await client.get(`${API}/auth/me`)).status).toBe(200)
    expect((await other.get(`${API}/auth/me`)).status).toBe(401)
  })

  it('is refused for the last one that counts for the account: that of an organization that is no authority does not', async () => {
    const { client, id, email } = await visitor()
    const organization = await world.organization({ members: [[{ id }, 'member']] })
    const { slug } = await federated.connect('okta', { organizationId: organization })
    const okta = federated.fakes.provider('okta')
    okta.user = { ...okta.user, sub: `okta-${id}`, email: 'contractor@other.example' }
    const { data } = await client.post(`${API}/auth/external/${slug}/link`, {})
    await federated.answer(client, await federated.fakes.authorize(data.authorization_url))
    expect(await federated.identitiesOf(id)).toHaveLength(2)
    const unlink = async () => {
      const { status, body } = await client.delete(unlinkPath('google'))
      return [status, body.error?.details.reason]
    }
    expect(await unlink()).toEqual([409, 'last_way_in'])
    await federated.prove(organization, email.split('@')[1] ?? '')
    const setDeleted = (at: Date | null) =>
      world.db.hot
        .updateTable('organizations')
        .set({ deleted_at: at, purge_at: at })
        .where('id', '=', organization)
        .execute()
    await setDeleted(world.clock.now())
    expect(await unlink()).toEqual([409, 'last_way_in'])
    await setDeleted(null)
    expect(await unlink()).toEqual([200, undefined])
  })

  it('is refused for the last one that signs in, also where none counts for the account', async () => {
    const { client, id } = await visitor()
    const organization = await world.organization({ members: [[{ id }, 'member']] })
    const okta = federated.fakes.provider('okta')
    const { slug } = await federated.connect('okta', { organizationId: organization })
    okta.user = { ...okta.user, sub: `only-${id}`, email: 'contractor@other.example' }
    const { data } = await client.post(`${API}/auth/external/${slug}/link`, {})
    await federated.answer(client, await federated.fakes.authorize(data.authorization_url))
    // as an administrator does, who may remove the last way in
    const admin = await world.person({ roles: ['super_admin'] })
    const google = (await federated.identitiesOf(id)).find(({ provider }) => provider === 'google')
    const others = world.client()
    await federated.signIn(others, slug)
    expect((await admin.client.delete(`${API}/users/${id}/identities/${google?.id}`)).status).toBe(200)
    const before = await federated.identitiesOf(id)
    expect(before).toHaveLength(1)
    const of = await world.db.tx('system', (tx) => listConnected(world.app.tools, tx, id))
    expect(of.map(({ isUnlinkable }) => isUnlinkable)).toEqual([false])
    await world.db.hot.updateTable('connections').set({ status: 'disabled' }).where('id', '=', before[0]?.connection_id ?? '').execute() // biome-ignore format: a statement
    const unused = await world.db.tx('system', (tx) => listConnected(world.app.tools, tx, id))
    expect(unused.map(({ isUnlinkable }) => isUnlinkable)).toEqual([true])
  })

  it('is refused for the last way to sign in', async () => {
    const { client } = await visitor()
    const reply = await client.delete(unlinkPath('google'))
    expect([reply.status, reply.body.error.details.reason]).toEqual([409, 'last_way_in'])
    expect((await client.get(LIST)).data).toHaveLength(1)
  })

  it('raced: of the last two accounts one stays', async () => {
    const { client } = await visitor()
    await connectGitHub(client)
    const ids = (await client.get(LIST)).data.map(({ id }: { id: string }) => id)
    const replies = await Promise.all(
      Array.from({ length: 20 }, (_, n) => client.delete(unlinkPath(ids[n % 2]))),
    )
    expect(replies.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([200, 404, 409]))
    expect((await client.get(LIST)).data).toHaveLength(1)
  })

  it('raced by a sign-in with it: the session ends, or the sign-in is refused', async () => {
    for (let round = 0; round < 5; round++) {
      const { client } = await visitor()
      await connectGitHub(client)
      const other = world.client()
      const callback = await federated.begin(other, 'google')
      await Promise.all([federated.answer(other, callback), client.delete(unlinkPath('google'))])
      expect((await other.get(`${API}/auth/me`)).status).toBe(401)
    }
  })

  it('names the ids where several are connected by one connection', async () => {
    const { client } = await visitor()
    await connectGitHub(client)
    await connectGitHub(client)
    const ids = (await client.get(LIST)).data.slice(1).map(({ id }: { id: string }) => id)
    const reply = await client.delete(unlinkPath('github'))
    expect([reply.status, reply.body.error.details]).toEqual([
      409,
      { reason: 'ambiguous', identity_ids: ids },
    ])
    expect((await client.delete(unlinkPath(ids[1]))).status).toBe(200)
    expect((await client.delete(unlinkPath('github'))).status).toBe(200)
  })

  it('finds no account of another user', async () => {
    const theirs = await visitor()
    const [{ id }] = (await theirs.client.get(LIST)).data
    const { client } = await world.person()
    for (const name of [id, 'google', 'nothing', `idn_${'0'.repeat(32)}`])
      expect((await client.delete(unlinkPath(name))).status).toBe(404)
    expect((await theirs.client.get(LIST)).data).toHaveLength(1)
  })

  it('requires a recent sign-in', async () => {
    const { client } = await visitor()
    await connectGitHub(client)
    await world.clock.advance('11 minutes')
    expect((await client.delete(unlinkPath('github'))).code).toBe('STEP_UP_REQUIRED')
  })
})

describe('the tokens that are kept', () => {
  const keeping = { keeps_tokens: true }

  it('are revoked at the provider when the account is disconnected, after the commit', async () => {
    const { slug } = await federated.connect('discord', { name: 'Discord', settings: keeping })
    const discord = federated.fakes.provider('discord')
    discord.user = { ...discord.user, id: '5551' }
    const { client } = await world.person()
    const { data } = await client.post(`${API}/auth/external/${slug}/link`, {})
    await federated.answer(client, await federated.fakes.authorize(data.authorization_url))
    discord.script = { api: 'html' }
    expect((await client.delete(unlinkPath(slug))).status).toBe(200)
    discord.script = {}
    await world.app.settle()
    expect(discord.revoked).toHaveLength(1)
  })

  it('are revoked when the account is deleted', async () => {
    const { slug } = await federated.connect('apple', { name: 'Apple', settings: keeping })
    const apple = federated.fakes.provider('apple')
    const person = await world.person()
    const { data } = await person.client.post(`${API}/auth/external/${slug}/link`, {})
    await federated.answer(person.client, await federated.fakes.authorize(data.authorization_url))
    const before = apple.revoked.length
    expect((await person.client.delete(`${API}/users/me`, { password: PASSWORD })).status).toBe(200)
    await world.app.settle()
    expect(apple.revoked).toHaveLength(before + 1)
    expect(await federated.identitiesOf(person.id)).toEqual([])
  })

  it('are revoked when the owner of the account says that a sign-in was not theirs', async () => {
    const { slug } = await federated.connect('discord', { slug: 'planted', settings: keeping })
    const discord = federated.fakes.provider('discord')
    discord.user = { ...discord.user, id: '5552' }
    const owner = await world.person()
    const intruder = world.client()
    await intruder.signIn(owner.email, PASSWORD)
    const token = await world.mailbox.tokenFor(owner.email, /\/not-me/)
    await world.clock.advance('1 minute')
    const { data } = await intruder.post(`${API}/auth/external/${slug}/link`, {})
    await federated.answer(intruder, await federated.fakes.authorize(data.authorization_url))
    expect(await federated.identitiesOf(owner.id)).toHaveLength(1)
    const before = discord.revoked.length
    const client = world.client()
    await federated.submit(client, `/not-me?token=${token}`)
    await world.app.settle()
    expect(await federated.identitiesOf(owner.id)).toEqual([])
    expect(discord.revoked).toHaveLength(before + 1)
  })

  it('are not revoked where they are encrypted under a secret that is lost: the job ends, and says so', async () => {
    const { id } = await federated.connect('discord', { slug: 'lost', settings: keeping })
    const discord = federated.fakes.provider('discord')
    const before = discord.revoked.length
    const { jobs, keyring } = world.app.tools
    const strange = createKeyring(`${'another secret '.repeat(3)}`)
    const tokens = { accessToken: 'a', refreshToken: 'r', expiresAt: null }
    const enqueue = (sealed: string) =>
      world.db.tx('system', (tx) =>
        jobs.enqueue(
          tx,
          keptTokenJobs.revoke,
          { connection_id: id, tokens: sealed },
          { now: world.clock.now() },
        ),
      )
    const stored = () =>
      world.db.hot.selectFrom('jobs').select('id').where('kind', '=', 'identities.revoke_tokens').execute()
    await enqueue(strange.encrypt('identities', JSON.stringify(tokens)))
    await world.app.settle()
    // neither retried nor kept as failed
    expect(await stored()).toEqual([])
    await world.db.tx('system', (tx) =>
      tx
        .updateTable('connections')
        .set({ client_secret: strange.encrypt('connections', 'secret') })
        .where('id', '=', id)
        .execute(),
    )
    await enqueue(keyring.encrypt('identities', JSON.stringify(tokens)))
    await world.app.settle()
    expect(await stored()).toEqual([])
    expect(discord.revoked).toHaveLength(before)
  })
})

describe('the page', () => {
  it('lists, links to what can be connected, and disconnects after a question', async () => {
    const { client, email } = await visitor()
    const empty = await client.get('/account/connected', HTML)
    expect(empty.text).toContain(email)
    expect(empty.text).toContain('This is your only way to sign in.')
    expect(empty.text).toContain('<a href="/account/security/password">set a password</a>')
    expect(empty.text).toContain('<a href="/account/security/passkeys/new">add a passkey</a>')
    expect(empty.text).not.toContain('/disconnect"')
    expect(empty.text.replaceAll('&amp;', '&')).toContain('/api/v1/auth/external/github/authorize?flow=link"')
    await connectGitHub(client)
    const page = await client.get('/account/connected?notice=connected', HTML)
    expect(page.text).toContain('The account is connected.')
    const [, question = ''] = /href="(\/account\/connected\/idn_\w+\/disconnect)"/.exec(page.text) ?? []
    expect((await client.get(question, HTML)).text).toContain('Disconnect Google?')
    const back = '/account/connected?notice=disconnected'
    expect(goal(await federated.submit(client, question))).toBe(back)
    expect((await client.get(back, HTML)).text).toContain('The account is disconnected.')
  })

  it('is linked from the security page, which says how many there are', async () => {
    const { client } = await visitor()
    const page = await client.get('/account/security?open=connected', HTML)
    expect(page.text).toContain('1 connected')
    expect(page.text).toContain('href="/account/connected"')
  })

  it('says why the last way in stays, and shows nothing of other users', async () => {
    const { client } = await visitor()
    const [{ id }] = (await client.get(LIST)).data
    const page = await client.get(`/account/connected/${id}/disconnect`, HTML)
    expect(page.text).toContain('This is your only way to sign in.')
    expect(page.text).toContain('set a password</a> or <a href="/account/security/passkeys/new">')
    expect(page.text).toContain('Google cannot be disconnected')
    expect(page.text).not.toContain(`action="/account/connected/${id}/disconnect"`)
    client.csrfToken = (await client.get('/csrf')).data.csrf_token
    const sent = await client.post(
      `/account/connected/${id}/disconnect`,
      { csrf_token: client.csrfToken ?? '' },
      { form: true, ...HTML },
    )
    expect(sent.status).toBe(409)
    expect(sent.text).toContain('last way to sign in')
    const other = await visitor()
    expect((await other.client.get(`/account/connected/${id}/disconnect`, HTML)).status).toBe(404)
  })

  it('is German for who reads German', async () => {
    const { client } = await visitor()
    await client.patch(`${API}/users/me`, { locale: 'de' })
    const page = await client.get('/account/connected', HTML)
    for (const text of ['Verbundene Konten', 'Zuletzt benutzt', 'Ein weiteres Konto verbinden'])
      expect(page.text).toContain(text)
  })
})
