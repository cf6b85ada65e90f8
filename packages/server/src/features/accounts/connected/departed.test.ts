/** The provider of an organization that a user has left, or was removed from, signs them in no more. */
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
async function company({ isOfDomain = false } = {}) {
  const domain = `left${++count}.example`
  const [owner] = (await world.people(1)) as [Person]
  const ada = await world.person(isOfDomain ? { email: `ada@${domain}` } : {})
  const organization = await world.organization({ members: [[owner, 'owner'], [ada, 'member']] }) // biome-ignore format: one line
  await federated.prove(organization, domain)
  const { id, slug } = await federated.connect('google', {
    organizationId: organization,
    madeBy: owner.id,
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

const linked = async ({ ada }: Company): Promise<number> => (await federated.identitiesOf(ada.id)).length
const aboutIt = async ({ ada }: Company): Promise<string[]> =>
  (await world.mailbox.emailsTo(ada.email))
    .map(({ subject }) => subject)
    .filter((one) => one.includes(`IdP ${count} `))

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
    expect(data?.id).not.toBe(of.ada.id)
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
