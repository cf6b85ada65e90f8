/** The profile of a user besides name, username and locale: the API, the page, and what is recorded of a change. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Client } from '../../../testing/client.ts'
import { STATED } from '../../../testing/stated-profile.ts'
import { startWorld, type World } from '../../../testing/world.ts'

let world: World
beforeAll(async () => {
  world = await startWorld({ rateLimits: 'off' })
})
afterAll(() => world.stop())

const ME = '/api/v1/users/me'

const updatedAt = (id: string) =>
  world.db.tx('system', async (tx) => {
    const query = tx.selectFrom('users').select('updated_at').where('id', '=', id)
    return (await query.executeTakeFirstOrThrow()).updated_at
  })
const changesOf = (id: string) =>
  world.db.tx('system', async (tx) => {
    const query = tx.selectFrom('audit_events').select('details').where('user_id', '=', id)
    const events = await query.where('event_type', '=', 'user.updated').orderBy('id').execute()
    return events.map(({ details }) => (details as { fields: string[] }).fields)
  })

describe('the profile', () => {
  it('is changed field by field, and what was read can be sent again', async () => {
    const { client, id } = await world.person({ username: 'countess' })
    const first = await client.patch(ME, { profile: STATED })
    expect([first.status, first.data.profile, first.data.username]).toEqual([200, STATED, 'countess'])
    const second = await client.patch(ME, {
      full_name: 'Ada King',
      profile: { gender: null, birthdate: '1815', address: { region: null, formatted: null } },
    })
    const { formatted: _, region: __, ...address } = STATED.address
    const expected = {
      ...STATED,
      gender: null,
      birthdate: '1815',
      address: { ...address, formatted: null, region: null },
    }
    expect(second.data).toMatchObject({ full_name: 'Ada King', profile: expected })
    const read = (await client.get(ME)).data.profile
    expect(read).toEqual(expected)
    expect((await client.patch(ME, { profile: read })).data.profile).toEqual(expected)
    const without = await client.patch(ME, { profile: { address: null } })
    expect(without.data.profile).toEqual({ ...expected, address: null })
    expect(await changesOf(id)).toEqual([
      Object.keys(STATED).map((name) => `profile.${name}`),
      ['full_name', 'profile.gender', 'profile.birthdate', 'profile.address'],
      ['profile.address'],
    ])
  })

  it('moves updated_at, and its values are in no event', async () => {
    const { client, id } = await world.person()
    const before = await updatedAt(id)
    await world.clock.advance('2 seconds')
    await client.patch(ME, { profile: { phone_number: '+44 20 7946 0999' } })
    expect((await updatedAt(id)).getTime() - before.getTime()).toBeGreaterThanOrEqual(2000)
    const events = await world.db.tx('system', (tx) => tx.selectFrom('audit_events').selectAll().execute())
    expect(JSON.stringify(events)).not.toContain('7946')
    // nothing was stated, nothing is recorded
    await client.patch(ME, { profile: {} })
    expect(await changesOf(id)).toHaveLength(1)
  })

  it('refuses fields that it does not have, and values of another form, and changes nothing then', async () => {
    const { client } = await world.person()
    const unknown = await client.patch(ME, {
      profile: { phone_number_verified: true, nickname: 'Ada', address: { planet: 'Earth' } },
    })
    expect(unknown.body.error.details).toMatchObject([
      { field: 'profile.phone_number_verified', code: 'unknown' },
      { field: 'profile.address.planet', code: 'unknown' },
    ])
    const invalid = await client.patch(ME, {
      profile: {
        birthdate: '1815-02-29',
        zoneinfo: 'Mars/Base',
        phone_number: '020 7946',
        picture: 'javascript:alert(1)',
        nickname: 'a'.repeat(101),
        address: { postal_code: '1'.repeat(21), locality: 7 },
      },
    })
    expect([invalid.status, invalid.code]).toEqual([400, 'VALIDATION_ERROR'])
    expect(
      invalid.body.error.details
        .map(({ field, code }: { field: string; code: string }) => `${field} ${code}`)
        .sort(),
    ).toEqual([
      'profile.address.locality invalid_type',
      'profile.address.postal_code too_long',
      'profile.birthdate birthdate',
      'profile.nickname too_long',
      'profile.phone_number phone_number',
      'profile.picture url',
      'profile.zoneinfo zoneinfo',
    ])
    for (const profile of ['x', [], 7]) expect((await client.patch(ME, { profile })).status).toBe(400)
    expect((await client.get(ME)).data.profile).toMatchObject({ nickname: null, address: null })
  })

  it('keeps both of two changes at the same time', async () => {
    const { client } = await world.person()
    for (let round = 0; round < 5; round += 1) {
      await client.patch(ME, { profile: { given_name: null, family_name: null } })
      const fields = [{ given_name: 'Ada' }, { family_name: 'King' }, { nickname: `n${round}` }]
      await Promise.all(fields.map((profile) => client.patch(ME, { profile })))
      expect((await client.get(ME)).data.profile).toMatchObject({
        given_name: 'Ada',
        family_name: 'King',
        nickname: `n${round}`,
      })
    }
  })

  it('is for the user alone: a fellow member finds it in no answer', async () => {
    const [ada, ben] = [await world.person(), await world.person()]
    await ada.client.patch(ME, { profile: { phone_number: '+442079460777', nickname: 'hidden nickname' } })
    const organization = await world.organization({
      members: [
        [ada, 'member'],
        [ben, 'owner'],
      ],
    })
    await ben.client.post('/api/v1/auth/organization', { organization_id: organization })
    for (const path of [`organizations/${organization}/members`, `users/${ada.id}`, 'users', 'users/me']) {
      const { text } = await ben.client.get(`/api/v1/${path}`)
      expect(text).not.toMatch(/7946|hidden nickname/)
    }
    expect((await ben.client.patch(`/api/v1/users/${ada.id}`, { profile: { nickname: 'x' } })).status).toBe(
      403,
    )
  })

  it('is not in the answers of a sign-in and of auth/me', async () => {
    const { client, email, password } = await world.person()
    await client.patch(ME, { profile: { nickname: 'kept out' } })
    expect((await client.get('/api/v1/auth/me')).text).not.toContain('kept out')
    expect((await world.client().signIn(email, password)).text).not.toContain('kept out')
  })
})

describe('the page of the account', () => {
  const EMPTY = { full_name: '', username: '', locale: '' }
  const save = (client: Client, fields: object) =>
    client.post('/account', { ...EMPTY, ...fields }, { form: true, headers: { accept: 'text/html' } })

  it('saves each field without a script, and an empty one clears it', async () => {
    const { client } = await world.person()
    const { address, ...texts } = STATED
    const sent = { ...texts, ...address, formatted: address.formatted.replace('\n', '\r\n') }
    const saved = await save(client, { ...sent, full_name: 'Ada King' })
    expect([saved.status, saved.headers.get('location')]).toEqual([303, '/account?saved=1'])
    expect((await client.get(ME)).data).toMatchObject({ full_name: 'Ada King', profile: STATED })
    const shown = (await client.get('/account')).text
    for (const text of ['Augusta Ada', '+442079460123', 'https://ada.example.com', 'SW1Y 4JH'])
      expect(shown).toContain(text)
    for (const name of ['given-name', 'family-name', 'bday', 'tel', 'street-address', 'postal-code'])
      expect(shown).toContain(`autocomplete="${name}"`)
    // a page that was opened before an update does not have the fields
    await save(client, { full_name: 'Ada' })
    expect((await client.get(ME)).data).toMatchObject({ full_name: 'Ada', profile: STATED })
    await save(client, Object.fromEntries(Object.keys(sent).map((name) => [name, ' '])))
    expect(Object.values((await client.get(ME)).data.profile).every((value) => value === null)).toBe(true)
  })

  it('is shown again with what was typed and the faults, unfolded, in both languages', async () => {
    const { client } = await world.person()
    const typed = { phone_number: '030', birthdate: 'yesterday', website: '"><script>alert(1)</script>' }
    const page = await save(client, typed)
    expect(page.status).toBe(400)
    expect(page.text).toContain('<details open')
    expect(page.text).toContain('Enter the number with the country code')
    expect(page.text).toContain('Enter a date such as 1990-12-31')
    expect(page.text).not.toContain('<script>alert')
    await client.patch(ME, { locale: 'de' })
    const german = await save(client, typed)
    expect(german.text).toContain('Geben Sie die Nummer mit der Landesvorwahl ein')
    expect((await client.get('/account')).text).not.toContain('<details open')
  })
})
