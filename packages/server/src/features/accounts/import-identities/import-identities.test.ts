/** Connected accounts of an import: what they are here, and that their users sign in with them at once. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PROVIDER_IDS } from '../../../core/providers/index.ts'
import { type Federated, goal, startFederated } from '../../../testing/federation.ts'
import type { World } from '../../../testing/world.ts'
import { importCredentials, importUsers } from '../import/index.ts'

let federated: Federated
let world: World
beforeAll(async () => {
  // with sign-in by e-mail, the mailbox would be another way in
  federated = await startFederated({ emailSignIn: [] })
  world = federated.world
  await federated.connect('google', { name: 'Google' })
  await federated.connect('github', { name: 'GitHub' })
  await federated.connect('microsoft', { name: 'Microsoft' })
  await federated.connect('okta', { name: 'Okta' })
  await federated.connect('discord', { name: 'Discord', status: 'draft' })
})
afterAll(() => federated?.stop())

const OPTIONS = {
  source: 'test',
  dry_run: false,
  on_conflict: 'skip',
  roles: {},
  unknown_roles: 'refuse',
  refused_hashes: 'refuse',
  unknown_connections: 'refuse',
}
type Options = Partial<Record<keyof typeof OPTIONS, unknown>>
const batch = (records: readonly unknown[], options: Options) => ({
  options: { ...OPTIONS, ...options },
  rows: records.map((record, at) => ({ line: at + 1, record })),
})
const run = (records: readonly unknown[], options: Options = {}) =>
  importUsers(world.app.tools, batch(records, options))
const runCredentials = (records: readonly unknown[], options: Options = {}) =>
  importCredentials(world.app.tools, batch(records, options))
const codes = (result: Awaited<ReturnType<typeof run>>) =>
  result.notes.map(({ line, kind, code }) => [line, kind, code])
const counts = (of: object) => ({ created: 0, updated: 0, unchanged: 0, skipped: 0, refused: 0, ...of })

const userIdOf = async (email: string) => {
  const row = await world.db.tx('system', (tx) =>
    tx.selectFrom('emails').select('user_id').where('address', '=', email).executeTakeFirstOrThrow(),
  )
  return row.user_id
}
const identitiesOf = async (email: string) => federated.identitiesOf(await userIdOf(email))
const eventsOf = async (email: string) => {
  const userId = await userIdOf(email)
  return await world.db.tx('system', (tx) =>
    tx
      .selectFrom('audit_events')
      .select(['event_type', 'details'])
      .where('user_id', '=', userId)
      .orderBy('id')
      .execute(),
  )
}
const TENANT = '11111111-2222-4333-8444-555555555555'
const tenantIssuer = (tenant: string) => `https://login.microsoftonline.com/${tenant}/v2.0`

describe('a connected account of an import', () => {
  it('signs its user in at once, without a question, and is a way in', async () => {
    const { sub, email } = federated.atGoogle()
    const linked = { linked_at: '2019-01-01T00:00:00Z', last_used_at: '2020-01-01T00:00:00Z' }
    const google = { connection: 'google', subject: sub, email, name: 'Person', ...linked }
    const record = {
      external_id: 'one',
      email: 'one@example.com',
      email_verified: true,
      identities: [google, google],
    }
    const before = (await world.db.tx('system', (tx) => tx.selectFrom('letters').select('id').execute()))
      .length
    expect(await run([record])).toMatchObject({ counts: counts({ created: 1 }), notes: [] })
    expect(await identitiesOf('one@example.com')).toMatchObject([
      {
        issuer: 'https://accounts.google.com', subject: sub, scope: '', provider: 'google', email, email_verified: false,
        name: 'Person', tokens: null, linked_at: new Date(linked.linked_at), last_used_at: new Date(linked.last_used_at),
      },
    ]) // biome-ignore format: a table
    const [event] = await eventsOf('one@example.com')
    expect(event).toMatchObject({
      event_type: 'user.imported',
      details: { outcome: 'created', connections: ['google'] },
    })
    const letters = await world.db.tx('system', (tx) => tx.selectFrom('letters').select('id').execute())
    expect(letters).toHaveLength(before)

    const client = world.client()
    expect(goal(await federated.signIn(client, 'google'))).toBe('/account')
    const user = await federated.me(client)
    expect(user).toMatchObject({ id: await userIdOf('one@example.com'), email: 'one@example.com' })
    const [account] = (await client.get('/api/v1/auth/external/linked-accounts')).data
    expect(account).toMatchObject({ connection: { slug: 'google' }, linked_at: '2019-01-01T00:00:00.000Z' })
    const unlinked = await client.delete('/api/v1/auth/external/google/unlink')
    expect([unlinked.status, unlinked.body.error.details]).toEqual([409, { reason: 'last_way_in' }])
    expect((await run([record])).counts).toEqual(counts({ unchanged: 1 }))
  })

  it('proves no address: an unverified one is verified first, as with any account', async () => {
    const { sub } = federated.atGoogle({ email_verified: false })
    const identity = { connection: 'google', subject: sub, email: 'two@example.com', email_verified: true }
    await run([{ email: 'two@example.com', identities: [identity] }])
    const client = world.client()
    const reply = await federated.signIn(client, 'google')
    expect(reply.text).toContain('We have sent an e-mail to')
    expect((await client.get('/api/v1/auth/me')).status).toBe(401)
    const { verified_at } = await world.db.tx('system', (tx) =>
      tx
        .selectFrom('emails')
        .select('verified_at')
        .where('address', '=', 'two@example.com')
        .executeTakeFirstOrThrow(),
    )
    expect(verified_at).toBeNull()
  })

  it.each(PROVIDER_IDS.filter((id) => id !== 'saml'))('at %s is found by the next answer', async (id) => {
    const { slug } = await federated.connect(id, { slug: `every-${id}`, name: id })
    const fake = federated.fakes.provider(id)
    // one that no other test has
    const own = id === 'github' ? 990_001 : `every-${id}`
    const user = { ...fake.user, ...(fake.user.id === undefined ? { sub: own } : { id: own }) }
    fake.user = id === 'slack' ? { ...user, 'https://slack.com/user_id': own } : user
    const subject = id === 'slack' ? `T0RR.${own}` : String(own)
    const issuer = id === 'microsoft' ? tenantIssuer(TENANT) : undefined
    const email = `every-${id}@example.com`
    const identities = [{ connection: slug, subject, issuer }]
    const { counts: of, notes } = await run([{ email, email_verified: true, identities }])
    expect([of, notes]).toEqual([counts({ created: 1 }), []])
    const client = world.client()
    expect(goal(await federated.signIn(client, slug))).toBe('/account')
    expect(await federated.me(client)).toMatchObject({ id: await userIdOf(email), email })
    expect(await identitiesOf(email)).toHaveLength(1)
  })

  it('of an organization’s connection is that organization’s alone', async () => {
    const owner = await world.person()
    const organizationId = await world.organization({ members: [[owner, 'owner']] })
    const { slug: organization } = await world.db.tx('system', (tx) =>
      tx
        .selectFrom('organizations')
        .select('slug')
        .where('id', '=', organizationId)
        .executeTakeFirstOrThrow(),
    )
    const { slug: connection } = await federated.connect('github', { organizationId })
    const identity = { connection, subject: '77001' }
    await run([
      { email: 'theirs@example.com', identities: [{ ...identity, organization }] },
      // the same account by the server's connection is another identity
      { email: 'ours@example.com', identities: [{ connection: 'github', subject: '77001' }] },
    ])
    expect(await identitiesOf('theirs@example.com')).toMatchObject([
      { scope: organizationId, organization_id: organizationId, issuer: expect.stringContaining('github') },
    ])
    expect(await identitiesOf('ours@example.com')).toMatchObject([{ scope: '', organization_id: null }])
    const wrong = await run([
      { email: 'w1@example.com', identities: [{ ...identity, subject: '77002', organization: 'another' }] },
      { email: 'w2@example.com', identities: [{ connection: 'github', subject: '77002', organization }] },
    ])
    expect(codes(wrong)).toEqual([1, 2].map((line) => [line, 'refused', 'unknown_connection']))
    await world.db.tx('system', (tx) =>
      tx
        .updateTable('organizations')
        .set({ deleted_at: world.clock.now(), purge_at: world.clock.now() })
        .where('id', '=', organizationId)
        .execute(),
    )
    const late = await run([{ email: 'w3@example.com', identities: [{ ...identity, subject: '77003' }] }])
    expect(codes(late)).toEqual([[1, 'refused', 'unknown_connection']])
  })

  it('has the issuer of its connection: fixed, of the discovery document, or as the record says', async () => {
    const okta = federated.fakes.provider('okta').settings.issuer
    const at = (connection: string, subject: string, issuer?: string) => ({
      email: `${subject}@issuers.example.com`,
      identities: [{ connection, subject, issuer }],
    })
    const result = await run([
      at('okta', 'okta-1'),
      at('okta', 'okta-2', `${okta}/`),
      at('microsoft', 'ms-1', tenantIssuer(TENANT)),
      at('google', 'g-1', 'accounts.google.com'),
      at('discord', 'd-1'),
      at('microsoft', 'ms-2'),
      at('google', 'g-2', 'https://evil.example'),
      at('okta', 'okta-3', 'https://evil.example'),
    ])
    expect(result.counts).toEqual(counts({ created: 5, refused: 3 }))
    expect(codes(result)).toEqual([
      [6, 'refused', 'unknown_issuer'],
      [7, 'refused', 'wrong_issuer'],
      [8, 'refused', 'wrong_issuer'],
    ])
    const issuers = async (subject: string) =>
      (await identitiesOf(`${subject}@issuers.example.com`)).map(({ issuer }) => issuer)
    expect(await issuers('okta-1')).toEqual([okta])
    expect(await issuers('okta-2')).toEqual([`${okta}/`])
    expect(await issuers('ms-1')).toEqual([tenantIssuer(TENANT)])
    expect(await issuers('g-1')).toEqual(['https://accounts.google.com'])
  })

  it('whose issuer is in a document that cannot be read is refused, once for all of the batch', async () => {
    const { slug } = await federated.connect('oidc', {
      slug: 'away',
      settings: { issuer: 'https://away.invalid' },
    })
    const records = Array.from({ length: 20 }, (_, n) => ({
      email: `away${n}@example.com`,
      identities: [{ connection: slug, subject: `away-${n}` }],
    }))
    const result = await run(records)
    expect(result.counts).toEqual(counts({ refused: 20 }))
    expect(result.notes[0]?.message).toContain('could not be reached')
    const stated = records.map((one) => ({
      ...one,
      identities: one.identities.map((of) => ({ ...of, issuer: 'https://away.invalid' })),
    }))
    expect((await run(stated)).counts).toEqual(counts({ created: 20 }))
  })

  it('at a provider without a connection refuses the record, or is left out with a warning', async () => {
    const identities = [
      { connection: 'yahoo', subject: '1' },
      { connection: 'google', subject: 'kept-1' },
    ]
    const record = { email: 'yahoo@example.com', identities }
    const refused = await run([record])
    expect([refused.counts, codes(refused)]).toEqual([
      counts({ refused: 1 }),
      [[1, 'refused', 'unknown_connection']],
    ])
    const left = await run([record], { unknown_connections: 'leave_out' })
    expect([left.counts, codes(left)]).toEqual([
      counts({ created: 1 }),
      [[1, 'warning', 'unknown_connection']],
    ])
    expect(await identitiesOf('yahoo@example.com')).toMatchObject([{ subject: 'kept-1' }])
  })

  it('is bounded in each of its fields', async () => {
    const good = { connection: 'google', subject: 'bounded' }
    const bad = [
      [{ ...good, subject: '' }],
      [{ ...good, subject: 'x'.repeat(1001) }],
      [{ ...good, subject: 'é'.repeat(501) }],
      [{ ...good, subject: 'a\nb' }],
      [{ ...good, connection: 'x'.repeat(256) }],
      [{ ...good, issuer: `https://${'x'.repeat(1024)}` }],
      [{ ...good, email: 'x'.repeat(321) }],
      [{ ...good, name: 'x'.repeat(321) }],
      [{ ...good, linked_at: '2020-01-01' }],
      [{ ...good, tokens: { access_token: 'x' } }],
      [{ subject: 'x' }],
      Array.from({ length: 201 }, (_, n) => ({ ...good, subject: `many ${n}` })),
      'google:1',
    ]
    const result = await run(bad.map((identities, n) => ({ email: `bounded${n}@example.com`, identities })))
    expect(codes(result)).toEqual(bad.map((_, at) => [at + 1, 'refused', 'invalid']))
  })
})

describe('an account that belongs to another user', () => {
  it('is a conflict, and never moves: by a new record, an update, or one of the same file', async () => {
    const google = { connection: 'google', subject: 'owned-1' }
    await run([
      { external_id: 'owner', email: 'owner@example.com', email_verified: true, identities: [google] },
      { external_id: 'else', email: 'else@example.com', email_verified: true },
    ])
    const [before] = await identitiesOf('owner@example.com')
    const records = [
      { external_id: 'thief', email: 'thief@example.com', identities: [google] },
      { external_id: 'else', email: 'else@example.com', identities: [google] },
      { external_id: 'first', email: 'first@example.com', identities: [{ ...google, subject: 'owned-2' }] },
      { external_id: 'second', email: 'second@example.com', identities: [{ ...google, subject: 'owned-2' }] },
    ]
    const dry = await run(records, { on_conflict: 'update', dry_run: true })
    const real = await run(records, { on_conflict: 'update' })
    expect({ counts: dry.counts, notes: dry.notes }).toEqual({ counts: real.counts, notes: real.notes })
    expect([real.counts, codes(real)]).toEqual([
      counts({ created: 1, skipped: 3 }),
      [1, 2, 4].map((line) => [line, 'conflict', 'identity_taken']),
    ])
    expect(await identitiesOf('owner@example.com')).toEqual([before])
    expect(await identitiesOf('else@example.com')).toEqual([])
    await expect(run([records[0]], { on_conflict: 'fail' })).rejects.toThrow(
      /^Line 1: The account owned-1 at google/,
    )
  })

  it('by a sign-in at the same time has one owner', async () => {
    for (let round = 0; round < 5; round++) {
      const { sub, email } = federated.atGoogle()
      const client = world.client()
      const back = await federated.begin(client, 'google')
      const raced = `raced${round}@example.com`
      const [, result] = await Promise.all([
        federated.answer(client, back),
        run([{ email: raced, identities: [{ connection: 'google', subject: sub }] }]),
      ])
      const owners = await world.db.tx('system', (tx) =>
        tx.selectFrom('identities').select('user_id').where('subject', '=', sub).execute(),
      )
      expect(owners).toHaveLength(1)
      const isImported = result.counts.created === 1
      expect(owners[0]?.user_id).toBe(await userIdOf(isImported ? raced : email))
      if (!isImported) expect(codes(result)).toEqual([[1, 'conflict', 'identity_taken']])
    }
  })
})

describe('raced', () => {
  it('by a sign-in, an update and a second file either have the account or leave it', async () => {
    for (let round = 0; round < 6; round++) {
      const { sub, email } = federated.atGoogle()
      const address = `update${round}@example.com`
      const record = { external_id: address, email: address, email_verified: true }
      await run([record])
      const client = world.client()
      const back = await federated.begin(client, 'google')
      const identities = [{ connection: 'google', subject: sub }]
      const [, { counts: of }] = await Promise.all([
        federated.answer(client, back),
        round % 2 === 0
          ? run([{ ...record, identities }], { on_conflict: 'update' })
          : runCredentials([{ external_id: address, identities }]),
      ])
      const owners = await world.db.tx('system', (tx) =>
        tx.selectFrom('identities').select('user_id').where('subject', '=', sub).execute(),
      )
      expect(owners).toEqual([{ user_id: await userIdOf(of.updated === 1 ? address : email) }])
      expect(of.updated + of.skipped + of.refused).toBe(1)
    }
  })

  it('by other imports has one owner, of twenty', async () => {
    const of = (n: number) => ({ external_id: `twenty${n}`, email: `twenty${n}@example.com` })
    const all = Array.from({ length: 20 }, (_, n) => of(n))
    await run(all.slice(0, 10))
    const identities = [{ connection: 'google', subject: 'twenty' }]
    const results = await Promise.all(
      all.map((record, n) =>
        n < 10
          ? runCredentials([{ external_id: record.external_id, identities }])
          : run([{ ...record, identities }]),
      ),
    )
    const given = results.filter(({ counts: { created, updated } }) => created + updated === 1)
    expect(given).toHaveLength(1)
    expect(results.flatMap(codes).filter(([, , code]) => code === 'identity_taken')).toHaveLength(19)
  })
})

describe('an update', () => {
  it('adds accounts, removes none, and says so in the audit log', async () => {
    const at = (connection: string, subject: string) => ({ connection, subject })
    const record = { external_id: 'adds', email: 'adds@example.com', email_verified: true }
    await run([{ ...record, identities: [at('google', 'adds-1')] }])
    const [kept] = await identitiesOf('adds@example.com')
    const changed = { ...record, identities: [at('github', '4711'), at('github', '4712')] }
    for (const dry_run of [true, false])
      expect((await run([changed], { on_conflict: 'update', dry_run })).counts).toEqual(
        counts({ updated: 1 }),
      )
    const all = await identitiesOf('adds@example.com')
    expect(all.map(({ subject }) => subject)).toEqual(['adds-1', '4711', '4712'])
    expect(all[0]).toEqual(kept)
    expect((await eventsOf('adds@example.com')).at(-1)).toMatchObject({
      details: { outcome: 'updated', connections: ['github'] },
    })
    expect((await run([changed], { on_conflict: 'update' })).counts).toEqual(counts({ unchanged: 1 }))
    const none = { ...record, full_name: 'Adds', identities: [at('google', 'adds-1')] }
    expect((await run([none], { on_conflict: 'update' })).counts).toEqual(counts({ updated: 1 }))
    expect(await identitiesOf('adds@example.com')).toHaveLength(3)
  })

  it('gives nothing to an account whose address is not verified', async () => {
    await run([{ external_id: 'own', email: 'unproven@example.com' }])
    const identities = [{ connection: 'google', subject: 'unproven-1' }]
    const other = await run([{ external_id: 'other', email: 'unproven@example.com', identities }], {
      on_conflict: 'update',
    })
    expect(codes(other)).toEqual([[1, 'refused', 'not_updated']])
    expect(await identitiesOf('unproven@example.com')).toEqual([])
  })
})

describe('a second file', () => {
  it('connects accounts of users who were imported before, each once', async () => {
    const of = (external_id: string, subject: string, more = {}) => ({
      external_id,
      identities: [{ connection: 'google', subject }],
      ...more,
    })
    await run([
      { external_id: 'f1', email: 'f1@example.com', email_verified: true },
      { external_id: 'f2', email: 'f2@example.com', identities: [{ connection: 'google', subject: 'f2-1' }] },
    ])
    const records = [
      of('f1', 'f1-1'),
      of('f1', 'f1-2', { password_hash: '$2b$04$vA.Mo0qosT1FDLQf53v/1u.wWcUvxHgmFB.l0MSvwqY6tyQQQhaeq' }),
      of('f1', 'f2-1'),
      of('f2', 'f2-1'),
      of('f2', 'f1-1'),
      of('f3', 'f3-1'),
      { external_id: 'f1', identities: [{ connection: 'yahoo', subject: '1' }] },
      { external_id: 'f1' },
    ]
    const dry = await runCredentials(records, { dry_run: true })
    const real = await runCredentials(records)
    expect({ counts: dry.counts, notes: dry.notes }).toEqual({ counts: real.counts, notes: real.notes })
    expect(real.counts).toEqual(counts({ updated: 2, unchanged: 1, skipped: 2, refused: 3 }))
    expect(codes(real).filter(([, kind]) => kind !== 'warning')).toEqual([
      [8, 'refused', 'invalid'],
      [7, 'refused', 'unknown_connection'],
      [3, 'conflict', 'identity_taken'],
      [5, 'conflict', 'identity_taken'],
      [6, 'refused', 'unknown_user'],
    ])
    expect((await identitiesOf('f1@example.com')).map(({ subject }) => subject)).toEqual(['f1-1', 'f1-2'])
    expect((await runCredentials(records)).counts).toMatchObject({ updated: 0, unchanged: 3 })
    expect((await eventsOf('f1@example.com')).at(-1)).toMatchObject({
      event_type: 'user.imported',
      details: { external_id: 'f1', outcome: 'updated', connections: ['google'] },
    })
    await expect(runCredentials([of('f2', 'f1-1')], { on_conflict: 'fail' })).rejects.toThrow(/^Line 1: /)
  })
})

describe('a large batch', () => {
  it('has more accounts than one statement has parameters for', async () => {
    const records = Array.from({ length: 30 }, (_, n) => ({
      email: `large${n}@example.com`,
      identities: Array.from({ length: 200 }, (_, m) => ({
        connection: 'google',
        subject: `large-${n}-${m}`,
      })),
      organizations: Array.from({ length: 100 }, (_, m) => ({ slug: `large-${m}` })),
    }))
    expect((await run(records, { dry_run: true })).counts).toEqual(counts({ created: 30 }))
    expect((await run(records)).counts).toEqual(counts({ created: 30 }))
    expect(await identitiesOf('large29@example.com')).toHaveLength(200)
  })
})
