/** The security policy by the API: fields, versions, permissions, effect, compliance, overrides. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Person, startWorld, type World } from '../../../testing/world.ts'
import { actIn, type Company, enrolFactor, pathOf, proveFactor, startCompany } from './testing.ts'

let world: World
let company: Company
let neighbour: Company
beforeAll(async () => {
  world = await startWorld()
  company = await startCompany(world)
  neighbour = await startCompany(world)
})
afterAll(() => world.stop())

const DEFAULTS = {
  mode: 'disabled',
  grace_days: 14,
  notify_days_before: [7, 1],
  allowed_methods: ['totp', 'passkey', 'backup_code'],
  session_absolute: null,
  password_profile: null,
  password_conformance: null,
  sign_in: 'any',
  sign_in_lapsed_at: null,
}

describe('the policy of an organization', () => {
  it('is the default one, of version 0, until it is changed', async () => {
    const { id, owner } = await startCompany(world)
    const read = await owner.client.get(pathOf(id))
    expect([read.status, read.data]).toEqual([
      200,
      { ...DEFAULTS, version: 0, since: null, updated_at: null },
    ])
  })

  it('changes by the fields that are sent, counts its versions, and is recorded', async () => {
    const { id, owner, admin } = await startCompany(world)
    const first = await admin.client.patch(pathOf(id), { mode: 'optional', notify_days_before: 3 })
    expect(first.status).toBe(200)
    expect(first.data).toMatchObject({
      ...DEFAULTS,
      mode: 'optional',
      notify_days_before: 3,
      version: 1,
      since: null,
    })
    const second = await owner.client.patch(pathOf(id), {
      mode: 'require_any',
      session_absolute: '90m',
      password_profile: 'nist',
      notify_days_before: [1, 7, 7, 30],
    })
    expect(second.data).toMatchObject({
      mode: 'require_any',
      session_absolute: '90m',
      password_profile: 'nist',
      password_conformance: expect.stringMatching(/^Follows NIST SP 800-63B-4/),
      notify_days_before: [30, 7, 1],
      version: 2,
      since: second.data.updated_at,
    })
    const cleared = await owner.client.patch(pathOf(id), { session_absolute: null, password_profile: null })
    expect(cleared.data).toMatchObject({ session_absolute: null, password_profile: null, version: 3 })
    expect(cleared.data.since).toBe(second.data.since)
    const same = await owner.client.patch(pathOf(id), { mode: 'require_any' })
    expect(same.data.version).toBe(3)
    const replaced = await owner.client.put(pathOf(id), { mode: 'require_any', grace_days: 3 })
    expect(replaced.data).toMatchObject({ ...DEFAULTS, mode: 'require_any', grace_days: 3, version: 4 })
    const log = await owner.client.get(pathOf(id, 'audit-logs'))
    const changes = log.data.filter((one: { event_type: string }) =>
      one.event_type.includes('security_policy'),
    )
    expect(changes.map((one: { details: unknown }) => one.details).at(-2)).toEqual({
      version: 2,
      from: { mode: 'optional', notify_days_before: [3], session_absolute: null, password_profile: null },
      to: {
        mode: 'require_any',
        notify_days_before: [30, 7, 1],
        session_absolute: 5400,
        password_profile: 'nist',
      },
    })
    expect(changes).toHaveLength(4)
  })

  it('begins the days of grace again only when it is tightened', async () => {
    const { id, owner } = await startCompany(world)
    const { data: begun } = await owner.client.patch(pathOf(id), { mode: 'require_any' })
    await world.clock.advance('5 minutes')
    const { data: longer } = await owner.client.patch(pathOf(id), { grace_days: 20 })
    expect(longer.since).toBe(begun.since)
    const { data: tightened } = await owner.client.patch(pathOf(id), { mode: 'require_passkey' })
    expect(tightened.since).toBe(tightened.updated_at)
    await world.clock.advance('4 minutes')
    const { data: loosened } = await owner.client.patch(pathOf(id), { mode: 'require_any' })
    expect(loosened.since).toBe(tightened.since)
    expect((await owner.client.patch(pathOf(id), { mode: 'optional' })).data.since).toBeNull()
  })

  it('refuses a change that is based on another version', async () => {
    const { id, owner } = await startCompany(world)
    expect((await owner.client.patch(pathOf(id), { mode: 'optional', version: 0 })).status).toBe(200)
    const stale = await owner.client.patch(pathOf(id), { mode: 'disabled', version: 0 })
    expect([stale.status, stale.body.error.details]).toEqual([409, { reason: 'stale', version: 1 }])
    expect((await owner.client.put(pathOf(id), { version: 7 })).status).toBe(409)
    expect((await owner.client.patch(pathOf(id), { mode: 'disabled', version: 1 })).data.version).toBe(2)
  })

  it('makes exactly one of many changes that name one version', async () => {
    const { id, owner, admin } = await startCompany(world)
    const all = await Promise.all(
      Array.from({ length: 30 }, (_, n) =>
        (n % 2 === 0 ? owner : admin).client.patch(pathOf(id), {
          mode: 'require_any',
          grace_days: n + 1,
          version: 0,
        }),
      ),
    )
    const won = all.filter(({ status }) => status === 200)
    expect(won).toHaveLength(1)
    expect(all.filter(({ status }) => status === 409)).toHaveLength(29)
    expect((await owner.client.get(pathOf(id))).data).toMatchObject({
      version: 1,
      grace_days: won[0]?.data.grace_days,
    })
  })

  it.each<[string, Record<string, unknown>, string]>([
    ['a mode that does not exist', { mode: 'require_sms' }, 'mode'],
    ['more than a year of grace', { grace_days: 366 }, 'grace_days'],
    ['a fraction of a day', { grace_days: 1.5 }, 'grace_days'],
    ['a reminder on the day itself', { notify_days_before: 0 }, 'notify_days_before'],
    ['eleven reminders', { notify_days_before: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11] }, 'notify_days_before'],
    ['no method at all', { allowed_methods: [] }, 'allowed_methods'],
    ['backup codes alone', { allowed_methods: ['backup_code'] }, 'allowed_methods'],
    [
      'TOTP that is required and not allowed',
      { mode: 'require_totp', allowed_methods: ['passkey'] },
      'allowed_methods',
    ],
    [
      'passkeys that are required and not allowed',
      { mode: 'require_passkey', allowed_methods: ['totp'] },
      'allowed_methods',
    ],
    [
      'codes by e-mail, which are no second factor',
      { allowed_methods: ['totp', 'email_code'] },
      'allowed_methods.1',
    ],
    ['sessions of four minutes', { session_absolute: '4m' }, 'session_absolute'],
    ['sessions of a number', { session_absolute: '3600' }, 'session_absolute'],
    ['a profile that does not exist', { password_profile: 'strong' }, 'password_profile'],
    ['a sign-in that is not possible yet', { sign_in: 'sso_required' }, 'sign_in'],
  ])('refuses %s, and its preview does', async (_, body, field) => {
    for (const refused of [
      await company.owner.client.patch(pathOf(company.id), body),
      await company.owner.client.put(pathOf(company.id), body),
      await company.owner.client.post(pathOf(company.id, 'security-policy/preview'), body),
    ]) {
      expect(refused.status).toBe(400)
      expect(refused.body.error.details.map((one: { field: string }) => one.field)).toEqual([field])
    }
    expect((await company.owner.client.get(pathOf(company.id))).data.version).toBe(0)
  })

  it('says why a sign-in by SSO alone cannot be required', async () => {
    const refused = await company.owner.client.patch(pathOf(company.id), { sign_in: 'sso_required' })
    expect(refused.body.error.details).toEqual([
      {
        field: 'sign_in',
        code: 'unavailable',
        message:
          'This organization has no active sign-in connection, so that no member could sign in. Create one, or use `any`.',
      },
    ])
  })
})

describe('who may see and change it', () => {
  const requests: [string, (person: Person, id: string) => Promise<{ status: number }>][] = [
    ['read', (person, id) => person.client.get(pathOf(id))],
    ['patch', (person, id) => person.client.patch(pathOf(id), { mode: 'optional' })],
    ['replace', (person, id) => person.client.put(pathOf(id), { mode: 'optional' })],
    [
      'preview',
      (person, id) => person.client.post(pathOf(id, 'security-policy/preview'), { mode: 'optional' }),
    ],
    ['list compliance', (person, id) => person.client.get(pathOf(id, 'mfa-compliance'))],
    ['count compliance', (person, id) => person.client.get(pathOf(id, 'mfa-compliance/summary'))],
    ['export compliance', (person, id) => person.client.get(pathOf(id, 'mfa-compliance/export'))],
    [
      'override',
      (person, id) => person.client.patch(pathOf(id, `members/${person.id}/mfa`), { mfa: 'exempt' }),
    ],
    ['open the page', (person, id) => person.client.get(`/account/organizations/${id}/security`)],
  ]
  it.each(requests)('%s: owners and admins; not members, guests or neighbours', async (_, request) => {
    const { owner, admin, member, guest, id } = await startCompany(world)
    expect(
      await Promise.all([owner, admin, member, guest].map(async (one) => (await request(one, id)).status)),
    ).toEqual([200, 200, 403, 403])
    expect((await request(neighbour.owner, id)).status).toBe(404)
    expect((await request({ ...owner, client: world.client() }, id)).status).not.toBe(200)
  })

  it('requires a recent sign-in to change it', async () => {
    const { id, owner } = await startCompany(world)
    await world.clock.advance('11 minutes')
    expect((await owner.client.get(pathOf(id))).status).toBe(200)
    for (const refused of [
      await owner.client.patch(pathOf(id), { mode: 'optional' }),
      await owner.client.patch(pathOf(id, `members/${owner.id}/mfa`), { mfa: 'exempt' }),
    ])
      expect([refused.status, refused.body.error.code]).toEqual([401, 'STEP_UP_REQUIRED'])
  })
})

describe('an override of one member', () => {
  const change = (by: Person, id: string, { id: userId }: { id: string }, mfa: string) =>
    by.client.patch(pathOf(id, `members/${userId}/mfa`), { mfa })

  it('is part of the member, and is recorded', async () => {
    const { id, owner, member } = await startCompany(world)
    const changed = await change(owner, id, member, 'force_passkey')
    expect([changed.status, changed.data.mfa, changed.data.user.id]).toEqual([
      200,
      'force_passkey',
      member.id,
    ])
    const { data: members } = await owner.client.get(pathOf(id, 'members'))
    expect(
      Object.fromEntries(members.map((one: { user: { id: string }; mfa: string }) => [one.user.id, one.mfa])),
    ).toMatchObject({ [owner.id]: 'inherit', [member.id]: 'force_passkey' })
    expect(await world.events(owner.id)).toContain('organization.member.mfa_changed')
    const before = (await world.events(owner.id)).length
    expect((await change(owner, id, member, 'force_passkey')).status).toBe(200)
    expect(await world.events(owner.id)).toHaveLength(before)
  })

  it('is not for a member beyond one’s own permissions, and not across organizations', async () => {
    const other = await startCompany(world)
    const { id, owner, admin, member } = await startCompany(world)
    expect((await change(admin, id, owner, 'exempt')).status).toBe(403)
    expect((await change(admin, id, member, 'exempt')).status).toBe(200)
    expect((await change(other.owner, id, member, 'exempt')).status).toBe(404)
    expect((await change(owner, id, other.member, 'exempt')).status).toBe(404)
    expect((await change(owner, id, member, 'force_sms')).status).toBe(400)
  })

  it('begins the days of grace again where it tightens, and keeps them where it does not', async () => {
    const { id, owner, member } = await startCompany(world)
    await owner.client.patch(pathOf(id), { mode: 'require_any', grace_days: 10 })
    const due = async () => {
      const { data } = await owner.client.get(pathOf(id, 'mfa-compliance'))
      return data.find((one: { user: { id: string } }) => one.user.id === member.id).due_at
    }
    const first = await due()
    await world.clock.advance('3 minutes')
    await change(owner, id, member, 'required')
    expect(await due()).toBe(first)
    await change(owner, id, member, 'force_passkey')
    expect(new Date(await due()).getTime() - new Date(first).getTime()).toBeGreaterThanOrEqual(180_000)
    const forced = await due()
    await world.clock.advance('3 minutes')
    await change(owner, id, member, 'inherit')
    expect(await due()).toBe(forced)
    await change(owner, id, member, 'exempt')
    expect(await due()).toBeNull()
    await world.clock.advance('3 minutes')
    await change(owner, id, member, 'inherit')
    expect(new Date(await due()).getTime() - new Date(forced).getTime()).toBeGreaterThanOrEqual(180_000)
  })
})

describe('compliance', () => {
  it('has a state for each member, by filter and by page, as JSON lines and as CSV', async () => {
    const { id, owner, admin, member, guest } = await startCompany(world)
    await owner.client.patch(pathOf(id), { mode: 'require_totp', allowed_methods: ['totp'], grace_days: 7 })
    await enrolFactor(world, owner, 'totp')
    await proveFactor(world, owner)
    await enrolFactor(world, admin, 'passkey')
    await enrolFactor(world, admin, 'backup_codes')
    await owner.client.patch(pathOf(id, `members/${guest.id}/mfa`), { mfa: 'exempt' })
    await world.clock.advance('1 minute')
    await member.client.signIn(member.email, member.password)
    const statesOf = async (query = '') => {
      const { data } = await owner.client.get(`${pathOf(id, 'mfa-compliance')}${query}`)
      return Object.fromEntries(
        data.map((one: { user: { id: string }; state: string; methods: string[] }) => [
          one.user.id,
          [one.state, one.methods],
        ]),
      )
    }
    expect(await statesOf()).toEqual({
      [owner.id]: ['compliant', ['totp']],
      [admin.id]: ['pending', ['passkey']],
      [member.id]: ['in_grace', []],
      [guest.id]: ['not_applicable', []],
    })
    const { data: summary } = await owner.client.get(pathOf(id, 'mfa-compliance/summary'))
    expect(summary).toEqual({
      members: 4,
      states: { not_applicable: 1, pending: 1, in_grace: 1, compliant: 1, past_due: 0, suspended: 0 },
    })
    expect(Object.keys(await statesOf('?state=in_grace'))).toEqual([member.id])
    expect(await statesOf('?state=suspended')).toEqual({})
    expect((await owner.client.get(`${pathOf(id, 'mfa-compliance')}?state=late`)).status).toBe(400)

    const seen: string[] = []
    for (let cursor: string | null = ''; cursor !== null; ) {
      const reply = await owner.client.get(`${pathOf(id, 'mfa-compliance')}?limit=1&cursor=${cursor}`)
      seen.push(...reply.data.map((one: { user: { id: string } }) => one.user.id))
      cursor = reply.body.metadata.next_cursor
    }
    expect(seen).toEqual([owner, admin, member, guest].map((one) => one.id).sort())

    const lines = await owner.client.get(pathOf(id, 'mfa-compliance/export'))
    expect(
      lines.text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).state)
        .sort(),
    ).toEqual(['compliant', 'in_grace', 'not_applicable', 'pending'])
    const csv = await owner.client.get(`${pathOf(id, 'mfa-compliance/export')}?format=csv&state=compliant`)
    expect(csv.text.split('\r\n')).toEqual([
      'user_id,username,full_name,email,state,methods,due_at,mfa',
      expect.stringMatching(new RegExp(`^${owner.id},.*,compliant,totp,2030-06-0.*Z,inherit$`)),
      '',
    ])
    expect(await world.events(owner.id)).toContain('organization.mfa_compliance.exported')
  })

  it('turns past due with the clock alone', async () => {
    const { id, owner, member } = await startCompany(world)
    await member.client.signIn(member.email, member.password, { remember_me: true })
    await world.clock.advance('1 minute')
    await owner.client.patch(pathOf(id), { mode: 'require_any', grace_days: 2 })
    const own = async () => (await member.client.get('/api/v1/users/me/mfa-compliance')).data
    const before = await own()
    expect(before).toMatchObject({ state: 'pending', organizations: [{ id, mode: 'require_any' }] })
    expect(before.due_at).toBe(before.organizations[0].due_at)
    await world.clock.advance('2 days')
    expect(await own()).toMatchObject({ state: 'past_due', due_at: before.due_at })
  })

  it('of an account is the worst of all organizations', async () => {
    const [person, other] = (await world.people(2)) as [Person, Person]
    const strict = await world.organization({
      name: 'Strict',
      members: [
        [other, 'owner'],
        [person, 'member'],
      ],
    })
    const easy = await world.organization({
      name: 'Easy',
      members: [
        [other, 'owner'],
        [person, 'member'],
      ],
    })
    await other.client.patch(pathOf(strict), { mode: 'require_passkey' })
    await enrolFactor(world, person, 'totp')
    await other.client.patch(pathOf(easy), { mode: 'require_any' })
    const { data } = await person.client.get('/api/v1/users/me/mfa-compliance')
    expect(data.state).toBe('pending')
    expect(
      data.organizations.map((one: { id: string; state: string }) => [one.id, one.state]).sort(),
    ).toEqual(
      [
        [easy, 'compliant'],
        [strict, 'pending'],
      ].sort(),
    )
  })
})

describe('the effect of a policy', () => {
  it('is counted before it is in force, and changes nothing', async () => {
    const { id, owner, admin, member, guest } = await startCompany(world)
    await enrolFactor(world, owner, 'passkey')
    await enrolFactor(world, admin, 'totp')
    await owner.client.patch(pathOf(id, `members/${guest.id}/mfa`), { mfa: 'exempt' })
    const preview = (body: object) => owner.client.post(pathOf(id, 'security-policy/preview'), body)
    const any = await preview({ mode: 'require_any', grace_days: 7 })
    expect(any.data).toMatchObject({ members: 4, must_enrol: 1, exempt: 1, compliant: 2, loses_session: 0 })
    expect(any.data.states).toMatchObject({ compliant: 2, pending: 1, not_applicable: 1 })
    expect(any.data.states_now).toMatchObject({ not_applicable: 4, pending: 0 })
    const days = (new Date(any.data.due_at).getTime() - world.clock.now().getTime()) / 86_400_000
    expect(Math.round(days)).toBe(7)
    expect((await preview({ mode: 'require_passkey' })).data).toMatchObject({ must_enrol: 2, compliant: 1 })
    // sessions by password alone: those with a factor have to step up, the others to enrol one
    await actIn(owner, id)
    await actIn(member, id)
    expect((await preview({ mode: 'require_any', grace_days: 0 })).data).toMatchObject({
      must_enrol: 1,
      loses_session: 2,
    })
    // days of grace are for those without a factor: a session that has one to prove stops at once
    expect((await preview({ mode: 'require_any', grace_days: 7 })).data).toMatchObject({ loses_session: 1 })
    expect((await preview({ mode: 'require_totp', allowed_methods: ['totp'] })).data.loses_session).toBe(0)
    expect((await preview({ mode: 'optional' })).data).toMatchObject({ must_enrol: 0, due_at: null })
    expect((await owner.client.get(pathOf(id))).data.version).toBe(0)
  })
})
