/** The provider of an organization that a user has left, or was removed from, signs them in no more. */
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { memberDeparted } from '../../../core/member-departed.ts'
import type { Client } from '../../../testing/client.ts'
import { type Federated, startFederated } from '../../../testing/federation.ts'
import type { Person, World } from '../../../testing/world.ts'

const API = '/api/v1'
let federated: Federated
let world: World
beforeAll(async () => {
  federated = await startFederated({ emailSignIn: [] })
  world = federated.world
})
afterAll(() => federated?.stop())

const validated = async (client: Client): Promise<number> => (await client.get(`${API}/auth/validate`)).status

let count = 0
/** A member, of the domain or not, who has connected the provider, and a session by it. */
async function company({ isOfDomain = false, origin = 'api' as 'api' | 'setup_link' } = {}) {
  const domain = `left${++count}.example`
  const [owner] = (await world.people(1)) as [Person]
  const ada = await world.person(isOfDomain ? { email: `ada@${domain}` } : {})
  const organization = await world.organization({ members: [[owner, 'owner'], [ada, 'member']] }) // biome-ignore format: one line
  await federated.prove(organization, domain)
  const { id, slug } = await federated.connect('google', {
    organizationId: organization,
    madeBy: owner.id,
    origin,
    name: `IdP ${count}`,
  })
  const user = federated.atGoogle({ email: `a@${domain}`, hd: domain })
  const { data } = await ada.client.post(`${API}/auth/external/${slug}/link`, {})
  await federated.answer(ada.client, await federated.fakes.authorize(data.authorization_url))
  const visit = async () => {
    const client = world.client()
    federated.fakes.provider('google').user = { ...user } as never
    await federated.signIn(client, slug)
    return client
  }
  return { owner, ada, id, visit, session: await visit(), root: `${API}/organizations/${organization}` }
}
type Company = Awaited<ReturnType<typeof company>>

const WAYS = [
  ['leaves', async ({ ada, root }: Company) => (await ada.client.post(`${root}/leave`, {})).status],
  [
    'is removed',
    async ({ owner, ada, root }: Company) => (await owner.client.delete(`${root}/members/${ada.id}`)).status,
  ],
] as const

/** Writes the status of the connection, by hand or because its settings cannot be read. */
const setStatus = ({ id }: Company, status: 'active' | 'disabled', unreadable_since: Date | null = null) =>
  world.db.tx('system', (tx) =>
    tx.updateTable('connections').set({ status, unreadable_since }).where('id', '=', id).execute(),
  )

const linked = async ({ ada }: Company): Promise<number> => (await federated.identitiesOf(ada.id)).length
const aboutIt = async ({ ada }: Company): Promise<string[]> =>
  (await world.mailbox.emailsTo(ada.email))
    .map(({ subject }) => subject)
    .filter((one) => one.includes(`IdP ${count} `))
const keptAbout = async ({ ada }: Company): Promise<string[]> =>
  (await world.mailbox.emailsTo(ada.email))
    .map(({ subject }) => subject)
    .filter((one) => one.includes('still signs in'))
const idOf = ({ root }: Company): string => root.split('/').at(-1) ?? ''

describe.each(WAYS)('a member who %s', (_, go) => {
  it('is disconnected from its provider, with the sessions by it and an e-mail', async () => {
    const of = await company()
    expect([await validated(of.session), await linked(of)]).toEqual([200, 1])
    expect(await go(of)).toBe(200)
    await world.app.settle()
    expect([await validated(of.session), await linked(of)]).toEqual([401, 0])
    expect(await validated(of.ada.client)).toBe(200)
    expect((await aboutIt(of)).at(0)).toMatch(/^IdP \d+ was disconnected from your account/)
    const { data } = await (await of.visit()).get(`${API}/auth/me`)
    expect(data?.user?.id).not.toBe(of.ada.id)
  })

  it('stays connected where the address is of a domain of the organization', async () => {
    const of = await company({ isOfDomain: true })
    expect(await go(of)).toBe(200)
    await world.app.settle()
    expect([await validated(of.session), await linked(of)]).toEqual([200, 1])
  })

  it('stays connected where there is no other way in, which an e-mail says', async () => {
    const of = await company()
    await world.db.tx('system', (tx) => tx.deleteFrom('passwords').where('user_id', '=', of.ada.id).execute())
    expect(await go(of)).toBe(200)
    await world.app.settle()
    expect([await validated(of.session), await linked(of)]).toEqual([200, 1])
    expect((await aboutIt(of)).at(0)).toMatch(/^IdP \d+ still signs in to your account/)
  })

  it('gets no e-mail that it still signs in while none of the connections does, and one afterwards', async () => {
    const of = await company()
    await world.db.tx('system', (tx) => tx.deleteFrom('passwords').where('user_id', '=', of.ada.id).execute())
    await setStatus(of, 'disabled')
    expect(await go(of)).toBe(200)
    for (const _ of [1, 2]) await world.clock.advance('1 day')
    expect([await linked(of), await keptAbout(of)]).toEqual([1, []])
    await setStatus(of, 'active')
    for (const _ of [1, 2]) await world.clock.advance('1 day')
    expect(await keptAbout(of)).toHaveLength(1)
    const deleted = await company()
    await world.db.tx('system', async (tx) => {
      await tx.deleteFrom('passwords').where('user_id', '=', deleted.ada.id).execute()
      await tx.deleteFrom('connections').where('id', '=', deleted.id).execute()
    })
    expect(await go(deleted)).toBe(200)
    await world.app.settle()
    expect([await linked(deleted), await keptAbout(deleted)]).toEqual([1, []])
    // one that replaces it signs in with the account
    const replacing = { organizationId: idOf(deleted), madeBy: deleted.owner.id }
    const { id } = await federated.connect('google', { ...replacing, origin: 'setup_link' })
    await world.clock.advance('1 day')
    expect(await keptAbout(deleted)).toEqual([])
    await world.db.tx('system', (tx) =>
      tx.updateTable('connections').set({ origin: 'api' }).where('id', '=', id).execute(),
    )
    for (const _ of [1, 2]) await world.clock.advance('1 day')
    expect(await keptAbout(deleted)).toHaveLength(1)
  })
})

describe('a former member who stayed connected as an address of the domain', () => {
  const LOSSES = [
    [
      'the domain is removed',
      async ({ owner, root }: Company) => {
        const [row] = (await owner.client.get(`${root}/domains`)).data
        expect((await owner.client.delete(`${root}/domains/${row.id}`)).status).toBe(200)
      },
    ],
    [
      'the address moves out of it',
      async ({ ada }: Company) => {
        const root = await world.person({ roles: ['super_admin'] })
        const fields = { email: `moved${count}@private.example`, is_verified: true }
        expect((await root.client.patch(`${API}/users/${ada.id}`, fields)).status).toBe(200)
      },
    ],
  ] as const

  it.each(LOSSES)('is disconnected once %s', async (_, lose) => {
    const [of, other] = [await company({ isOfDomain: true }), await company({ isOfDomain: true })]
    for (const one of [of, other]) expect(await WAYS[1][1](one)).toBe(200)
    await world.app.settle()
    expect([await linked(of), await linked(other)]).toEqual([1, 1])
    await lose(of)
    await world.app.settle()
    expect([await validated(of.session), await linked(of), await linked(other)]).toEqual([401, 0, 1])
  })

  it('is judged again once the change to an address of the domain is undone', async () => {
    const of = await company()
    const { ada, root } = of
    const email = `ada@left${count}.example`
    const { client } = ada
    expect((await client.post(`${API}/users/me/email`, { email, password: ada.password })).status).toBe(202)
    const change = await world.mailbox.tokenFor(email, /email-change/)
    expect((await world.client().post(`${API}/auth/email-change`, { token: change })).status).toBe(200)
    expect((await client.post(`${root}/leave`, {})).status).toBe(200)
    await world.app.settle()
    expect([await linked(of), await keptAbout(of)]).toEqual([1, []])
    const undo = await world.mailbox.tokenFor(ada.email, /email-change\/undo/)
    expect((await world.client().post(`${API}/auth/email-change/undo`, { token: undo })).status).toBe(200)
    await world.app.settle()
    // the password has ended, so that it is the only way in
    expect([await linked(of), await keptAbout(of)]).toEqual([1, [expect.any(String)]])
  })

  it('stays with another connection of the organization in place of the one that was deleted', async () => {
    const of = await company({ isOfDomain: true })
    expect(await WAYS[0][1](of)).toBe(200)
    const organizationId = of.root.split('/').at(-1) ?? ''
    const second = await federated.connect('google', { organizationId, madeBy: of.owner.id })
    expect((await of.owner.client.delete(`${of.root}/connections/${of.id}`)).status).toBe(200)
    await world.clock.advance('1 day')
    expect(await linked(of)).toBe(1)
    await world.db.tx('system', (tx) => tx.deleteFrom('connections').where('id', '=', second.id).execute())
    await world.clock.advance('1 day')
    expect(await linked(of)).toBe(0)
  })
})

describe('a former member of the domain whose connection cannot be used for a while', () => {
  /** Days pass, and the job of the day runs. */
  const days = async () => {
    for (const _ of [1, 2]) await world.clock.advance('1 day')
    await world.app.settle()
  }
  const departed = async (origin: 'api' | 'setup_link') => {
    const of = await company({ isOfDomain: true, origin })
    expect(await WAYS[0][1](of)).toBe(200)
    await world.app.settle()
    expect(await linked(of)).toBe(1)
    return of
  }
  const isAda = async ({ visit, ada }: Company) =>
    (await (await visit()).get(`${API}/auth/me`)).data?.user.id === ada.id

  it('stays connected while the organization is deleted, and signs in after it was restored', async () => {
    const of = await departed('api')
    expect((await of.owner.client.delete(of.root)).status).toBe(200)
    await days()
    expect(await linked(of)).toBe(1)
    await of.owner.client.signIn(of.owner.email, of.owner.password)
    expect((await of.owner.client.post(`${of.root}/restore`, {})).status).toBe(200)
    await days()
    expect([await linked(of), await isAda(of)]).toEqual([1, true])
  })

  it('is disconnected at once after it was restored, where the domain was lost meanwhile', async () => {
    const of = await departed('api')
    expect((await of.owner.client.delete(of.root)).status).toBe(200)
    await world.db.tx('system', (tx) =>
      tx.deleteFrom('organization_domains').where('organization_id', '=', idOf(of)).execute(),
    )
    await days()
    expect(await linked(of)).toBe(1)
    await of.owner.client.signIn(of.owner.email, of.owner.password)
    expect((await of.owner.client.post(`${of.root}/restore`, {})).status).toBe(200)
    await world.app.settle()
    expect(await linked(of)).toBe(0)
  })

  it.each(['disabled', 'unreadable'])(
    'stays connected at a connection of a set-up link that is %s',
    async (how) => {
      const of = await departed('setup_link')
      if (how === 'disabled') {
        const path = `${of.root}/connections/${of.id}`
        expect((await of.owner.client.patch(path, { status: 'disabled' })).status).toBe(200)
      } else await setStatus(of, 'disabled', world.clock.now())
      // one to which the domain leads meanwhile
      await federated.connect('google', {
        organizationId: idOf(of),
        madeBy: of.owner.id,
        origin: 'setup_link',
      })
      await days()
      expect(await linked(of)).toBe(1)
      await setStatus(of, 'active')
      expect(await isAda(of)).toBe(true)
    },
  )

  it('is disconnected where the domain would not lead there either once it is enabled', async () => {
    const [of, other] = [await departed('setup_link'), await departed('setup_link')]
    for (const one of [of, other]) {
      await setStatus(one, 'disabled')
      const second = await federated.connect('google', { organizationId: idOf(one), madeBy: one.owner.id })
      const to = one === of ? second.id : one.id
      await world.db.tx('system', (tx) =>
        tx.updateTable('organization_domains').set({ connection_id: to }).where('organization_id', '=', idOf(one)).execute(),
      ) // biome-ignore format: one row
    }
    await days()
    expect([await linked(of), await linked(other)]).toEqual([0, 1])
  })
})

describe('a member who left before the rule was known', () => {
  /** As an earlier version ended a membership. */
  const leaveQuietly = ({ ada, root }: Company): Promise<unknown> =>
    world.db.tx('system', (tx) =>
      tx
        .deleteFrom('memberships')
        .where('user_id', '=', ada.id)
        .where('organization_id', '=', root.split('/').at(-1) ?? '')
        .execute(),
    )
  const takePassword = ({ ada }: Company) =>
    world.db.tx('system', (tx) =>
      tx.deleteFrom('passwords').where('user_id', '=', ada.id).returningAll().executeTakeFirstOrThrow(),
    )

  it('is disconnected within a day, after however many others, and members are not', async () => {
    const [member, of] = [await company(), await company()]
    await leaveQuietly(of)
    await world.db.tx('system', async (tx) => {
      const organization = member.root.split('/').at(-1)
      await sql`insert into identities (id, user_id, connection_id, organization_id, scope, issuer, subject, provider, email_verified, linked_at)
        select 'idn_' || lpad(n::text, 5, '0'), ${member.ada.id}, ${member.id}, ${organization}, ${organization}, 'https://many.example', n::text,
          'oidc', false, now()
        from generate_series(1, 2100) n`.execute(tx)
    })
    await world.clock.advance('1 day')
    expect([await validated(of.session), await linked(of)]).toEqual([401, 0])
    const left = world.db.hot.selectFrom('identities').select('id').where('user_id', '=', member.ada.id)
    expect(await left.execute()).toHaveLength(2101)
  })

  it('gets one e-mail that it stays as the only way in, and is disconnected within a day after there is another', async () => {
    const of = await company()
    const password = await takePassword(of)
    await leaveQuietly(of)
    for (const _ of [1, 2, 3]) await world.clock.advance('1 day')
    const told = (await aboutIt(of)).filter((subject) => subject.includes('still signs in'))
    expect([await linked(of), told.length]).toEqual([1, 1])
    await world.db.tx('system', (tx) => tx.insertInto('passwords').values(password).execute())
    await world.clock.advance('1 day')
    expect(await linked(of)).toBe(0)
  })
})

it('a registration by the provider whose address waits for its proof is not one of a former member', async () => {
  const of = await company()
  await world.db.tx('system', async (tx) => {
    await tx.deleteFrom('memberships').where('user_id', '=', of.ada.id).execute()
    await tx.updateTable('users').set({ status: 'pending' }).where('id', '=', of.ada.id).execute()
  })
  await world.clock.advance('1 day')
  expect(await linked(of)).toBe(1)
})

it('a member again before the job runs keeps it, and other organizations change nothing', async () => {
  const [of, other] = [await company(), await company()]
  await world.db.tx('system', async (tx) => {
    const organization_id = of.root.split('/').at(-1) ?? ''
    const payload = { organization_id, user_id: of.ada.id }
    await world.app.tools.jobs.enqueue(tx, memberDeparted, payload, { now: world.clock.now() })
    const foreign = { organization_id, user_id: other.ada.id }
    await world.app.tools.jobs.enqueue(tx, memberDeparted, foreign, { now: world.clock.now() })
  })
  await world.app.settle()
  expect([await linked(of), await linked(other)]).toEqual([1, 1])
})
