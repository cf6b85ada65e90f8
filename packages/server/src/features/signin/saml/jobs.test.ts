import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { timeText } from '../../../base/page/index.ts'
import { certificateStates, ensureConnectionKeys } from '../../../core/saml/index.ts'
import { findMetadataCheck } from '../../../core/saml/refresh.ts'
import { samlPeer } from '../../../testing/saml-connection.ts'
import { providerKey } from '../../../testing/saml-provider.ts'
import { type Person, startWorld, type World } from '../../../testing/world.ts'
import { certificateExpiry } from './jobs.ts'

let world: World
let owner: Person
let member: Person
let administrator: Person
let organizationId: string
beforeAll(async () => {
  world = await startWorld()
  const [first, second, third] = await world.people([{}, {}, { roles: ['super_admin'] }])
  if (!first || !second || !third) throw new Error('no people')
  ;[owner, member, administrator] = [first, second, third]
  organizationId = await world.organization({
    members: [
      [owner, 'owner'],
      [member, 'admin'],
    ],
  })
})
afterAll(() => world.stop())

const subjects = async (person: Person): Promise<string[]> =>
  (await world.mailbox.emailsTo(person.email))
    .map(({ subject }) => subject)
    .filter((subject) => subject.includes('certificate'))
const warnings = async (): Promise<unknown[]> =>
  world.db.tx('system', (tx) =>
    tx
      .selectFrom('audit_events')
      .select(['organization_id', 'details'])
      .where('event_type', '=', 'connection.certificate.expiring')
      .orderBy('id')
      .execute(),
  )

describe('warnings of certificates that expire', () => {
  it('go once each to the owners of the organization, 30, 7 and 1 days before', async () => {
    const soon = providerKey(world.clock.now(), { days: 40 })
    await samlPeer(world, { organizationId, saml: { certificates: [soon.certificate] } })
    await world.clock.advance('5 days')
    expect(await subjects(owner)).toEqual([])
    await world.clock.advance('6 days')
    await world.clock.advance('2 days')
    expect(await subjects(owner)).toEqual(['A certificate of “Analytical Engines” expires within 30 days'])
    await world.clock.advance('21 days')
    await world.clock.advance('4 days')
    await world.clock.advance('2 hours')
    expect((await subjects(owner)).toSorted()).toEqual([
      'A certificate of “Analytical Engines” expires within 30 days',
      'A certificate of “Analytical Engines” expires within 7 days',
    ])
    await world.clock.advance('20 hours')
    await world.clock.advance('14 hours')
    expect(await subjects(owner)).toContain('A certificate of “Analytical Engines” expires within 1 day')
    await world.clock.advance('5 days')
    expect([await subjects(member), await subjects(administrator)]).toEqual([[], []])
    expect(await warnings()).toMatchObject(
      [30, 7, 1].map((days) => ({ organization_id: organizationId, details: { days, owner: 'provider' } })),
    )
  })

  it('go to the administrators of the server for its own connections', async () => {
    const soon = providerKey(world.clock.now(), { days: 6 })
    await samlPeer(world, { saml: { certificates: [soon.certificate] } })
    await world.clock.advance('13 hours')
    expect(await subjects(administrator)).toEqual([
      'A certificate of “Analytical Engines” expires within 7 days',
    ])
    expect((await warnings()).at(-1)).toMatchObject({ organization_id: null, details: { days: 7 } })
  })
})

describe('the connection of a deleted organization', () => {
  it('is not upheld: no e-mail, no fetch of metadata and no metric, until the organization is restored', async () => {
    const [other] = (await world.people(1)) as [Person]
    const organization = await world.organization({ members: [[other, 'owner']] })
    const soon = providerKey(world.clock.now(), { days: 29 })
    const saml = { certificates: [soon.certificate], metadata_url: 'https://127.0.0.1:1/metadata' }
    const { connection } = await samlPeer(world, { organizationId: organization, saml })
    const path = `/api/v1/organizations/${organization}`
    const upheld = async () => {
      const series = await certificateExpiry(world.db.hot, world.clock.now())
      return {
        emails: (await subjects(other)).length,
        isFetched: (await findMetadataCheck(world.db.hot, connection.id)) !== null,
        isMeasured: series.some(({ labels }) => labels.connection === connection.id),
      }
    }
    expect((await other.client.delete(path)).status).toBe(200)
    await world.clock.advance('25 hours')
    expect(await upheld()).toEqual({ emails: 0, isFetched: false, isMeasured: false })
    // as restoring does, in a session that is younger
    await world.db.hot
      .updateTable('organizations')
      .set({ deleted_at: null, purge_at: null })
      .where('id', '=', organization)
      .execute()
    await world.clock.advance('25 hours')
    expect(await upheld()).toEqual({ emails: 1, isFetched: true, isMeasured: true })
  })
})

describe('an e-mail about a certificate', () => {
  it('of this server names its metadata, and is in the language of its reader', async () => {
    await world.db.tx('system', (tx) =>
      tx.updateTable('users').set({ locale: 'de' }).where('id', '=', administrator.id).execute(),
    )
    const now = world.clock.now()
    const days = [6, 40] as const
    const [own, theirs] = days.map((one) => providerKey(now, { days: one }))
    const peer = await samlPeer(world, { saml: { certificates: [theirs?.certificate ?? ''] } })
    const { id } = peer.connection
    await ensureConnectionKeys(world.app.tools, peer.connection, now)
    // the rotation that precedes the warning has not happened
    await world.db.tx('system', (tx) =>
      tx
        .updateTable('connection_keys')
        .set({ certificate: own?.certificate ?? '' })
        .where('connection_id', '=', id)
        .where('use', '=', 'signing')
        .execute(),
    )
    await world.clock.advance('13 hours')
    const { subject, text } = await world.mailbox.emailTo(administrator.email, /Zertifikat/)
    expect(subject).toBe('Ein Zertifikat von „Analytical Engines“ läuft binnen 7 Tagen ab')
    const date = timeText('de', new Date(now.getTime() + 6 * 86_400_000), 'day')
    expect(text).toContain(
      `Das Zertifikat, mit dem dieser Server an der Verbindung „Analytical Engines“ teilnimmt, läuft am ${date} ab.`,
    )
    expect(text).toContain(`${world.config.publicUrl}/saml/${id}/metadata`)
    expect((await warnings()).at(-1)).toMatchObject({
      details: { connection_id: id, days: 7, owner: 'server' },
    })
    await world.db.tx('system', (tx) =>
      tx.updateTable('connections').set({ status: 'disabled' }).where('id', '=', id).execute(),
    )
    const soon = providerKey(world.clock.now(), { days: 1 })
    await samlPeer(world, { saml: { certificates: [soon.certificate] } })
    await world.clock.advance('13 hours')
    const ofProvider = await world.mailbox.emailTo(administrator.email, /binnen 1 Tag ab/)
    expect(ofProvider.text).toContain(
      'mit dem der Identitätsanbieter der Verbindung „Analytical Engines“ signiert',
    )
  })
})

describe('certificateStates', () => {
  it('counts whole days, also of those that wait and those that have expired', async () => {
    const now = world.clock.now()
    const [old, later] = [providerKey(now, { days: -2 }), providerKey(now, { days: 100 })]
    const saml = { certificates: [old.certificate], pending_certificates: [later.certificate] }
    expect(certificateStates({ settings: { saml } }, [], now)).toMatchObject([
      {
        owner: 'provider',
        stage: 'current',
        days_left: expect.toSatisfy((days) => days === -2 || days === -3),
      },
      {
        owner: 'provider',
        stage: 'pending',
        days_left: expect.toSatisfy((days) => days === 99 || days === 100),
      },
    ])
  })
})
