import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PASSWORD, startWorld, type World } from '../../../testing/world.ts'
import type { ImportNote } from './fields.ts'
import { importCredentials, importUsers } from './index.ts'

/** `Password.1` */
const LDAP_BCRYPT = '{BCRYPT}$2y$10$ku2Gy22F240O5jDrF8bdQusB0/3KHIXIsoHcJo0DMAsnRoNQXXB0C'
/** `correct horse` */
const WEAK = '{SSHA}Q4EObD+/kDE7NucXs+1LgReBUVgp0yTR'

let world: World
beforeAll(async () => {
  world = await startWorld({ rateLimits: 'off' })
})
afterAll(() => world.stop())

const OPTIONS = {
  source: 'test',
  dry_run: false,
  on_conflict: 'skip',
  roles: {},
  unknown_roles: 'refuse',
  refused_hashes: 'refuse',
  unknown_connections: 'refuse',
}
const batch = (
  records: readonly unknown[],
  options: Partial<Record<keyof typeof OPTIONS, unknown>> = {},
) => ({
  options: { ...OPTIONS, ...options },
  rows: records.map((record, at) => ({ line: at + 1, record })),
})
const run = (records: readonly unknown[], options: Parameters<typeof batch>[1] = {}) =>
  importUsers(world.app.tools, batch(records, options))
const codes = (notes: readonly ImportNote[]) => notes.map(({ line, kind, code }) => [line, kind, code])
const counts = (of: object) => ({ created: 0, updated: 0, unchanged: 0, skipped: 0, refused: 0, ...of })

const stored = (email: string) =>
  world.db.tx('system', (tx) =>
    tx
      .selectFrom('users')
      .innerJoin('emails', 'emails.user_id', 'users.id')
      .leftJoin('passwords', 'passwords.user_id', 'users.id')
      .selectAll('users')
      .select(['emails.verified_at', 'passwords.hash', 'passwords.changed_at'])
      .where('emails.address', '=', email)
      .executeTakeFirstOrThrow(),
  )
const membershipsOf = (email: string) =>
  world.db.tx('system', (tx) =>
    tx
      .selectFrom('memberships')
      .innerJoin('organizations', 'organizations.id', 'memberships.organization_id')
      .innerJoin('emails', 'emails.user_id', 'memberships.user_id')
      .select(['organizations.slug', 'organizations.name', 'memberships.role'])
      .where('emails.address', '=', email)
      .orderBy('organizations.slug')
      .execute(),
  )
const lettersSoFar = async () =>
  (await world.db.tx('system', (tx) => tx.selectFrom('letters').select('id').execute())).length
const signIn = async (username: string, password: string) =>
  (await world.client().post('/api/v1/auth/login', { username, password })).status

describe('an import', () => {
  it('creates a user with every field, who signs in with the password of the other system, once upgraded', async () => {
    const record = {
      external_id: '17',
      email: 'Ada@Example.com',
      email_verified: true,
      username: 'ada',
      full_name: 'Ada Lovelace',
      locale: 'de-AT',
      roles: ['viewer', 'staff'],
      created_at: '2015-12-10T00:00:00Z',
      last_login_at: '2020-01-01T00:00:00Z',
      password_hash: LDAP_BCRYPT,
      password_changed_at: '2019-01-01T00:00:00Z',
      organizations: [{ slug: 'engines', name: 'Analytical Engines', role: 'owner' }],
    }
    const emails = await lettersSoFar()
    expect(await run([record])).toEqual({
      counts: counts({ created: 1 }),
      notes: [],
      organizations: ['engines'],
      planned: [],
    })
    expect(await stored('Ada@Example.com')).toMatchObject({
      username: 'ada',
      full_name: 'Ada Lovelace',
      locale: 'de',
      roles: ['staff', 'viewer'],
      status: 'active',
      created_at: new Date('2015-12-10T00:00:00Z'),
      last_login_at: new Date('2020-01-01T00:00:00Z'),
      verified_at: new Date('2015-12-10T00:00:00Z'),
      hash: LDAP_BCRYPT,
      changed_at: new Date('2019-01-01T00:00:00Z'),
    })
    expect(await membershipsOf('Ada@Example.com')).toEqual([
      { slug: 'engines', name: 'Analytical Engines', role: 'owner' },
    ])
    const { id } = await stored('Ada@Example.com')
    expect(await world.events(id)).toEqual(['user.imported'])
    await world.app.settle()
    expect(await lettersSoFar()).toBe(emails)
    expect(await signIn('ada', 'password.1')).toBe(401)
    expect(await signIn('ada', 'Password.1')).toBe(200)
    expect((await stored('Ada@Example.com')).hash).toMatch(/^\$argon2id\$/)
    expect(await signIn('ada', 'Password.1')).toBe(200)
  })

  it('that is repeated changes nothing, in any order of the members of a record', async () => {
    const record = { email: 'twice@example.com', full_name: 'Twice', password_hash: WEAK }
    const first = await run([record, { email: 'second@example.com' }])
    expect(first.counts).toEqual(counts({ created: 2 }))
    const before = await stored('twice@example.com')
    const again = [{ password_hash: WEAK, full_name: 'Twice', email: 'twice@example.com' }]
    expect((await run([...again, { email: 'second@example.com' }])).counts).toEqual(counts({ unchanged: 2 }))
    expect(await stored('twice@example.com')).toEqual(before)
  })

  it('continues where it was interrupted, and takes two at once without doubling', async () => {
    const records = Array.from({ length: 40 }, (_, at) => ({
      external_id: `many ${at}`,
      email: `many${at}@example.com`,
      organizations: [{ slug: 'many', role: at === 0 ? 'owner' : 'member' }],
    }))
    await run(records.slice(0, 15))
    const both = await Promise.all([run(records), run(records)])
    const total = (name: 'created' | 'unchanged') => both.reduce((sum, one) => sum + one.counts[name], 0)
    expect([total('created'), total('unchanged')]).toEqual([25, 55])
    expect(await membershipsOf('many39@example.com')).toMatchObject([{ slug: 'many', role: 'member' }])
  })

  it('in a dry run counts the same and writes nothing', async () => {
    const records = [
      { email: 'dry@example.com', organizations: [{ slug: 'dry' }] },
      { email: 'not an address' },
    ]
    const dry = await run(records, { dry_run: true })
    expect(dry).toMatchObject({ counts: counts({ created: 1, refused: 1 }), organizations: ['dry'] })
    expect(codes(dry.notes)).toEqual([[2, 'refused', 'invalid']])
    await expect(stored('dry@example.com')).rejects.toThrow()
    expect((await run(records)).counts).toEqual(dry.counts)
  })

  it('refuses records with the reason, and takes the others', async () => {
    const { counts: of, notes } = await run([
      { email: 'good1@example.com' },
      { email: 'no address' },
      { email: 'x@example.com', unknown_field: 1 },
      { email: 'role@example.com', roles: ['emperor'] },
      { email: 'orgrole@example.com', organizations: [{ slug: 'engines', role: 'emperor' }] },
      { email: 'slug@example.com', organizations: [{ slug: 'Not A Slug' }] },
      { email: 'hash@example.com', password_hash: '5f4dcc3b5aa765d61d8327deb882cf99' },
      {
        email: 'dear@example.com',
        password_hash:
          '$argon2id$v=19$m=4194304,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
      },
      {
        email: 'x2@example.com',
        password_hash: '$2x$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i',
      },
      'text',
      null,
      { email: 'good2@example.com', username: 'not a username', full_name: ' ', locale: 'fr' },
    ])
    expect(of).toEqual(counts({ created: 2, refused: 10 }))
    expect(codes(notes)).toEqual([
      [2, 'refused', 'invalid'],
      [3, 'refused', 'invalid'],
      [4, 'refused', 'unknown_role'],
      [6, 'refused', 'invalid'],
      [7, 'refused', 'hash_unsound'],
      [8, 'refused', 'hash_too_costly'],
      [9, 'refused', 'hash_bcrypt_2x'],
      [10, 'refused', 'invalid'],
      [11, 'refused', 'invalid'],
      [12, 'warning', 'username_left_out'],
      [12, 'warning', 'full_name_left_out'],
      [12, 'warning', 'locale_left_out'],
      [5, 'refused', 'unknown_organization_role'],
    ])
    expect(notes.filter(({ code }) => code === 'invalid').map(({ message }) => message)).toEqual([
      'email: This is not an e-mail address.',
      'record: Has unknown fields: unknown_field.',
      'organizations.0.slug: Use 2 to 50 small letters, digits and hyphens.',
      'record: Must be of type object.',
      'record: Is required.',
    ])
    const { notes: times } = await run([{ email: 'time@example.com', created_at: '2020-01-02' }])
    expect(times.map(({ message }) => message)).toEqual([
      'created_at: Is not a time in ISO 8601 with a zone, such as 2026-01-31T12:00:00Z.',
    ])
  })

  it('maps roles, and leaves out unknown ones and refused hashes where that is wanted', async () => {
    const record = {
      email: 'mapped@example.com',
      roles: ['boss', 'offline_access', 'emperor'],
      password_hash: '5f4dcc3b5aa765d61d8327deb882cf99',
      organizations: [{ slug: 'engines', role: 'emperor' }],
    }
    const roles = { boss: 'manager', offline_access: '' }
    const { counts: of, notes } = await run([record], {
      roles,
      unknown_roles: 'leave_out',
      refused_hashes: 'leave_out',
    })
    expect(of).toEqual(counts({ created: 1 }))
    expect(codes(notes).map(([, , code]) => code)).toEqual([
      'unknown_role',
      'hash_unsound',
      'unknown_organization_role',
    ])
    expect(await stored('mapped@example.com')).toMatchObject({ roles: ['manager'], hash: null })
    expect(await membershipsOf('mapped@example.com')).toEqual([])
  })

  it('warns of weak hashes', async () => {
    expect(codes((await run([{ email: 'weak@example.com', password_hash: WEAK }])).notes)).toEqual([
      [1, 'warning', 'weak_hash'],
    ])
  })

  it('refuses malformed options', async () => {
    await expect(run([], { source: '../x' })).rejects.toMatchObject({ code: 'VALIDATION_ERROR' })
  })

  it('keeps disabled users out, and pending ones without their address', async () => {
    await run([
      { email: 'off@example.com', email_verified: true, status: 'disabled', password_hash: LDAP_BCRYPT },
      { email: 'wait@example.com', status: 'pending' },
      {
        email: 'shut@example.com',
        email_verified: true,
        locked_at: '2030-01-01T00:00:00Z',
        password_hash: LDAP_BCRYPT,
      },
    ])
    expect(await signIn('off@example.com', 'Password.1')).not.toBe(200)
    expect(await signIn('shut@example.com', 'Password.1')).not.toBe(200)
    // whom a registration with verification makes the owner
    await world.person({ email: 'wait@example.com', signIn: false })
  })
})

describe('a conflict', () => {
  it('with an address that an account has left, and may return to, gives that account nothing', async () => {
    const person = await world.person({ email: 'left@example.com' })
    await person.client.post('/api/v1/users/me/email', { email: 'gone@example.com', password: PASSWORD })
    const token = await world.mailbox.tokenFor('gone@example.com', /email-change\?/)
    await world.client().post('/api/v1/auth/email-change', { token })
    const record = { external_id: 'left', email: person.email, roles: ['super_admin'] }
    const { counts: of, notes } = await run([record], { on_conflict: 'update' })
    expect([of, codes(notes)]).toEqual([counts({ skipped: 1 }), [[1, 'conflict', 'address_taken']]])
    expect((await stored('gone@example.com')).roles).toEqual(['viewer'])
  })

  it('with an account that exists is skipped, and reported each time', async () => {
    await world.person({ email: 'own@example.com', username: 'own', signIn: false })
    const records = [
      { external_id: 'c1', email: 'OWN@example.com', full_name: 'Other' },
      { external_id: 'c2', email: 'else@example.com', username: 'Own' },
    ]
    for (const _ of [1, 2]) {
      const { counts: of, notes } = await run(records)
      expect(of).toEqual(counts({ skipped: 2 }))
      expect(codes(notes)).toEqual([
        [1, 'conflict', 'address_taken'],
        [2, 'conflict', 'username_taken'],
      ])
    }
    expect(await stored('own@example.com')).toMatchObject({ full_name: null })
    expect(await signIn('own@example.com', PASSWORD)).toBe(200)
  })

  it('with a record that differs from the one imported before is skipped or updates', async () => {
    await run([{ external_id: 'd', email: 'differs@example.com', password_hash: WEAK }])
    const changed = {
      external_id: 'd',
      email: 'differs@example.com',
      full_name: 'Changed',
      email_verified: true,
      roles: ['staff'],
      password_hash: LDAP_BCRYPT,
      organizations: [{ slug: 'engines', role: 'admin' }],
    }
    expect(codes((await run([changed])).notes)).toEqual([[1, 'conflict', 'changed']])
    expect((await run([changed], { on_conflict: 'update' })).counts).toEqual(counts({ updated: 1 }))
    expect(await stored('differs@example.com')).toMatchObject({
      full_name: 'Changed',
      roles: ['staff'],
      hash: LDAP_BCRYPT,
    })
    expect((await run([changed], { on_conflict: 'update' })).counts).toEqual(counts({ unchanged: 1 }))
    expect(await signIn('differs@example.com', 'Password.1')).toBe(200)
    const { id } = await stored('differs@example.com')
    expect(await world.events(id)).toEqual(
      expect.arrayContaining(['user.imported', 'user.roles.changed', 'user.updated', 'auth.email.verified']),
    )
    // a password that was used here is kept
    await run([{ ...changed, password_hash: WEAK }], { on_conflict: 'update' })
    expect(await signIn('differs@example.com', 'Password.1')).toBe(200)
    expect(await signIn('differs@example.com', 'correct horse')).toBe(401)
  })

  it('updates a user only within the rules of every other change, and whole or not at all', async () => {
    const [root] = await world.people([{ email: 'root@example.com', roles: ['super_admin'] }])
    const id = await world.organization({ members: [[{ id: root?.id ?? '' }, 'owner']] })
    const { slug } = await world.db.tx('system', (tx) =>
      tx.selectFrom('organizations').select('slug').where('id', '=', id).executeTakeFirstOrThrow(),
    )
    const { counts: of, notes } = await run(
      [
        { email: 'root@example.com', full_name: 'No one', status: 'disabled' },
        { email: 'root@example.com', full_name: 'No one', roles: ['viewer'] },
        { email: 'root@example.com', full_name: 'No one', organizations: [{ slug, role: 'member' }] },
      ],
      { on_conflict: 'update' },
    )
    expect(of).toEqual(counts({ refused: 3 }))
    expect(codes(notes)).toEqual([1, 2, 3].map((line) => [line, 'refused', 'not_updated']))
    expect(await stored('root@example.com')).toMatchObject({
      full_name: null,
      status: 'active',
      roles: ['super_admin'],
    })
    expect((await root?.client.get('/api/v1/auth/me'))?.status).toBe(200)
  })

  it('never joins an account whose address is not verified: it may be of a stranger', async () => {
    const [stranger] = await world.people([{ email: 'victim@example.com', signIn: false }])
    await world.db.tx('system', (tx) =>
      tx
        .updateTable('emails')
        .set({ verified_at: null })
        .where('user_id', '=', stranger?.id ?? '')
        .execute(),
    )
    const record = { email: 'victim@example.com', email_verified: true, roles: ['super_admin'] }
    const { counts: of, notes } = await run([record], { on_conflict: 'update' })
    expect([of, codes(notes)]).toEqual([counts({ refused: 1 }), [[1, 'refused', 'not_updated']]])
    expect((await stored('victim@example.com')).roles).toEqual(['viewer'])
  })

  it('leaves out every refused hash of a history', async () => {
    const record = {
      email: 'history@example.com',
      password_history: [
        { hash: 'bad-one', replaced_at: '2030-01-01T00:00:00Z' },
        { hash: 'bad-two', replaced_at: '2030-01-02T00:00:00Z' },
      ],
    }
    const { counts: of } = await run([record], { refused_hashes: 'leave_out' })
    expect(of).toEqual(counts({ created: 1 }))
    const history = await world.db.tx('system', (tx) =>
      tx
        .selectFrom('password_history')
        .innerJoin('emails', 'emails.user_id', 'password_history.user_id')
        .select('hash')
        .where('emails.address', '=', 'history@example.com')
        .execute(),
    )
    expect(history).toEqual([])
  })

  it('ends the sessions of a user who is disabled', async () => {
    const person = await world.person({ email: 'leaves@example.com' })
    await run([{ email: 'leaves@example.com', status: 'disabled' }], { on_conflict: 'update' })
    expect((await person.client.get('/api/v1/auth/me')).code).toBe('ACCOUNT_DISABLED')
  })

  it('with fail undoes its batch and names the line', async () => {
    const records = [{ email: 'undone@example.com' }, { email: 'own@example.com' }]
    await expect(run(records, { on_conflict: 'fail' })).rejects.toThrow(/^Line 2: /)
    await expect(stored('undone@example.com')).rejects.toThrow()
  })

  it('inside of one file is that of the second record', async () => {
    const records = [
      { external_id: '1', email: 'same@example.com', full_name: 'First' },
      { external_id: '2', email: 'SAME@example.com', full_name: 'Second' },
    ]
    expect((await run(records)).counts).toEqual(counts({ created: 1, skipped: 1 }))
    expect(await stored('same@example.com')).toMatchObject({ full_name: 'First' })
  })

  it('with a registration at the same time leaves one owner', async () => {
    const emails = Array.from({ length: 6 }, (_, at) => `race${at}@example.com`)
    await Promise.all([
      run(emails.map((email) => ({ email }))),
      ...emails.map((email) => world.person({ email, signIn: false }).catch(() => null)),
    ])
    const { rows } = await world.db.tx('system', async (tx) => ({
      rows: await tx
        .selectFrom('emails')
        .select('address')
        .where('address', 'in', emails)
        .where('claimed_at', 'is not', null)
        .execute(),
    }))
    expect(rows.map(({ address }) => address).sort()).toEqual(emails)
  })

  it('with a deleted organization refuses the record', async () => {
    await run([{ email: 'boss@example.com', organizations: [{ slug: 'closed', role: 'owner' }] }])
    await world.db.tx('system', (tx) =>
      tx
        .updateTable('organizations')
        .set({ deleted_at: world.clock.now(), purge_at: world.clock.now() })
        .where('slug', '=', 'closed')
        .execute(),
    )
    const { notes } = await run([{ email: 'late@example.com', organizations: [{ slug: 'closed' }] }])
    expect(codes(notes)).toEqual([[1, 'refused', 'organization_deleted']])
  })
})

describe('passwords of a second file', () => {
  it('are set for users without one, once, and refused for unknown users and hashes', async () => {
    await run([
      { external_id: 'p1', email: 'p1@example.com', email_verified: true },
      { external_id: 'p2', email: 'p2@example.com' },
    ])
    const send = () =>
      importCredentials(
        world.app.tools,
        batch([
          { external_id: 'p1', password_hash: LDAP_BCRYPT },
          { external_id: 'p2', password_hash: 'plain' },
          { external_id: 'p3', password_hash: WEAK },
        ]),
      )
    expect((await send()).counts).toEqual(counts({ updated: 1, refused: 2 }))
    expect(await signIn('p1@example.com', 'Password.1')).toBe(200)
    expect((await send()).counts).toEqual(counts({ unchanged: 1, refused: 2 }))
    expect(await signIn('p1@example.com', 'Password.1')).toBe(200)
  })
})
