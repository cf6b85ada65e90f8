/** A user's own passkeys: adding, listing, renaming and removing them, and what is refused. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Authenticator, addPasskey } from '../../../testing/authenticator.ts'
import { enrolAuthenticator } from '../../../testing/authenticator-app.ts'
import { type Person, startWorld, type World } from '../../../testing/world.ts'

const BEGIN = '/api/v1/auth/passkeys/register/begin'
const COMPLETE = '/api/v1/auth/passkeys/register/complete'
const PASSKEYS = '/api/v1/auth/passkeys'

let world: World
let origin: string
beforeAll(async () => {
  // an e-mail would be another way in
  world = await startWorld({ emailSignIn: [] })
  origin = world.config.publicUrl
})
afterAll(() => world?.stop())

const events = async (person: Person, type: RegExp) =>
  (await world.events(person.id)).filter((event) => type.test(event))

describe('adding a passkey', () => {
  it('stores it with a name, records it, and reports it by e-mail', async () => {
    const [person] = (await world.people(1)) as [Person]
    const authenticator = new Authenticator()
    const { id } = await addPasskey(person.client, authenticator, { name: '  My   phone ' })
    expect((await person.client.get(PASSKEYS)).data).toEqual([
      {
        id,
        name: 'My phone',
        created_at: expect.stringMatching(/^2030-06-01T/),
        last_used_at: null,
        synced: true,
        backed_up: true,
        user_verified: true,
        suspended: false,
      },
    ])
    expect(await events(person, /passkey/)).toEqual(['auth.passkey.added'])
    const email = await world.mailbox.emailTo(person.email, /passkey was added/)
    expect(email.text).toContain('“My phone”')
    expect(email.text).toContain(`${origin}/account/security/passkeys`)
  })

  it('names it after the browser, and excludes it from the next one', async () => {
    const [person] = (await world.people(1)) as [Person]
    const client = world.client({
      headers: { 'user-agent': 'Mozilla/5.0 (Windows NT 10.0) Chrome/140.0 Safari/537.36' },
    })
    await client.signIn(person.email, person.password)
    const { passkey } = await addPasskey(client, new Authenticator())
    expect((await client.get(PASSKEYS)).data[0].name).toBe('Chrome, Windows')
    const { data } = await client.post(BEGIN)
    expect(data.options.excludeCredentials).toEqual([
      { id: passkey.id.toString('base64url'), type: 'public-key', transports: ['internal', 'hybrid'] },
    ])
    expect(data.options.user.id).toBe(passkey.userHandle)
  })

  it('does not name the user by anything personal: the handle is random', async () => {
    const [ada, bob] = (await world.people(2)) as [Person, Person]
    const one = (await ada.client.post(BEGIN)).data.options.user
    const other = (await bob.client.post(BEGIN)).data.options.user
    expect(Buffer.from(one.id, 'base64url')).toHaveLength(32)
    expect(one.id).not.toBe(other.id)
    expect(one).toMatchObject({ name: ada.email, displayName: ada.email })
  })

  it('is refused ten minutes after the proof of identity', async () => {
    const [person] = (await world.people(1)) as [Person]
    await world.clock.advance('11 minutes')
    expect((await person.client.post(BEGIN)).code).toBe('STEP_UP_REQUIRED')
  })

  it('is refused, and so is every other change of factors, in a session that has proven the password alone', async () => {
    const [person] = (await world.people(1)) as [Person]
    const stolen = world.client()
    await stolen.signIn(person.email, person.password)
    const { id } = await addPasskey(person.client, new Authenticator())
    // the password of ten minutes ago is recent enough, and not enough
    for (const answer of [
      await stolen.post(BEGIN),
      await stolen.delete(`${PASSKEYS}/${id}`),
      await stolen.post('/api/v1/auth/mfa/enable', { method: 'totp' }),
      await stolen.post('/api/v1/auth/mfa/disable', { factor_id: id }),
      await stolen.post('/api/v1/auth/mfa/backup-codes'),
    ]) {
      expect([answer.status, answer.code]).toEqual([401, 'STEP_UP_REQUIRED'])
      expect(answer.body.error.details).toMatchObject({ acr: 'aal2', methods: ['passkey'] })
    }
    // the session that added it has proven it
    expect((await person.client.post(BEGIN)).status).toBe(200)
    expect((await person.client.delete(`${PASSKEYS}/${id}`)).status).toBe(200)
  })

  it('requires a session: an API key adds none', async () => {
    const [person] = (await world.people(1)) as [Person]
    const { client } = await person.client.apiKey()
    expect((await client.post(BEGIN)).status).toBe(401)
  })

  it.each([
    ['a challenge of another session', 'other'],
    ['a challenge that was made up', 'invented'],
    ['a challenge of a sign-in', 'sign-in'],
  ])('is refused for %s', async (_, kind) => {
    const [person] = (await world.people(1)) as [Person]
    const other = world.client()
    await other.signIn(person.email, person.password)
    const begun = await (kind === 'other' ? other : person.client).post(
      kind === 'sign-in' ? '/api/v1/auth/passkeys/login/begin' : BEGIN,
    )
    const { options } = (await person.client.post(BEGIN)).data
    const challenge = kind === 'invented' ? 'AAAA' : begun.data.options.challenge
    const credential = new Authenticator().create(options, { origin, challenge })
    const refused = await person.client.post(COMPLETE, { credential })
    expect(refused.status).toBe(400)
    expect(refused.body.error.details).toMatchObject([{ field: 'credential', code: 'wrong_challenge' }])
    expect((await person.client.get(PASSKEYS)).data).toEqual([])
  })

  it('uses a challenge once: of a hundred answers one adds a passkey', async () => {
    const [person] = (await world.people(1)) as [Person]
    const { options } = (await person.client.post(BEGIN)).data
    const answers = await Promise.all(
      Array.from({ length: 100 }, () =>
        person.client.post(COMPLETE, { credential: new Authenticator().create(options, { origin }) }),
      ),
    )
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1)
    // the session has a new token since the first one: what arrives later has none that is valid
    expect(answers.filter(({ status }) => status === 400 || status === 401)).toHaveLength(99)
    expect((await person.client.get(PASSKEYS)).data).toHaveLength(1)
  })

  it('refuses a credential that exists already, also that of another user', async () => {
    const [person, other] = (await world.people(2)) as [Person, Person]
    const authenticator = new Authenticator()
    await addPasskey(person.client, authenticator)
    const [known] = authenticator.passkeys
    for (const { client } of [person, other]) {
      const { options } = (await client.post(BEGIN)).data
      const again = new Authenticator()
      const credential = again.create(options, { origin, id: known?.id })
      const refused = await client.post(COMPLETE, { credential })
      expect(refused.body.error).toMatchObject({
        code: 'CONFLICT',
        details: { reason: 'already_registered' },
      })
    }
    expect((await other.client.get(PASSKEYS)).data).toEqual([])
  })

  it('stops at twenty, also where many are added at once', async () => {
    const [person] = (await world.people(1)) as [Person]
    for (let n = 0; n < 18; n += 1) await addPasskey(person.client, new Authenticator())
    const begun = await Promise.all(Array.from({ length: 6 }, () => person.client.post(BEGIN)))
    const answers = await Promise.all(
      begun.map(({ data: { options } }) => {
        const credential = new Authenticator().create(options, { origin })
        return person.client.post(COMPLETE, { credential })
      }),
    )
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(2)
    const refused = await person.client.post(BEGIN)
    expect(refused.body.error).toMatchObject({ code: 'CONFLICT', details: { reason: 'too_many_factors' } })
  })

  it.each([
    ['another origin', { origin: 'http://127.0.0.1' }, 'wrong_origin'],
    ['another relying party', { rpId: 'example.com' }, 'wrong_rp_id'],
    ['no user present', { flags: { up: false } }, 'user_not_present'],
    ['an assertion instead', { type: 'webauthn.get' }, 'wrong_type'],
  ])('is refused for %s', async (_, ceremony, code) => {
    const [ada] = (await world.people(1)) as [Person]
    const { options } = (await ada.client.post(BEGIN)).data
    const credential = new Authenticator().create(options, { origin, ...ceremony })
    const refused = await ada.client.post(COMPLETE, { credential })
    expect(refused.status).toBe(400)
    expect(refused.body.error.details).toMatchObject([{ field: 'credential', code }])
  })

  it('bounds every field', async () => {
    const [ada] = (await world.people(1)) as [Person]
    const { options } = (await ada.client.post(BEGIN)).data
    const good = new Authenticator().create(options, { origin })
    const long = 'A'.repeat(40_000)
    for (const credential of [
      {},
      { ...good, id: long },
      { ...good, id: 'not base64url!' },
      { ...good, type: 'password' },
      { ...good, response: { ...good.response, attestationObject: long } },
      { ...good, response: { ...good.response, clientDataJSON: long } },
      { ...good, response: { ...good.response, transports: Array.from({ length: 100 }, () => 'usb') } },
      { ...good, response: null },
      'text',
    ]) {
      const refused = await ada.client.post(COMPLETE, { credential })
      expect(refused.status, JSON.stringify(credential).slice(0, 80)).toBe(400)
    }
    expect((await ada.client.post(COMPLETE, { credential: good, name: 'x'.repeat(61) })).status).toBe(400)
  })
})

describe('own passkeys', () => {
  it('are renamed and removed, with events and an e-mail', async () => {
    const [person] = (await world.people(1)) as [Person]
    const { id } = await addPasskey(person.client, new Authenticator(), { name: 'Phone' })
    const renamed = await person.client.patch(`${PASSKEYS}/${id}`, { name: 'Old phone' })
    expect(renamed.data).toMatchObject({ id, name: 'Old phone' })
    expect((await person.client.delete(`${PASSKEYS}/${id}`)).status).toBe(200)
    expect((await person.client.get(PASSKEYS)).data).toEqual([])
    expect(await events(person, /passkey/)).toEqual([
      'auth.passkey.added',
      'auth.passkey.renamed',
      'auth.passkey.removed',
    ])
    const email = await world.mailbox.emailTo(person.email, /passkey was removed/)
    expect(email.text).toContain('“Old phone”')
    expect((await person.client.delete(`${PASSKEYS}/${id}`)).code).toBe('NOT_FOUND')
  })

  it('are not removed where nothing else signs in, also by two requests at once', async () => {
    const [person] = (await world.people(1)) as [Person]
    const first = await addPasskey(person.client, new Authenticator())
    const second = await addPasskey(person.client, new Authenticator())
    await world.db.tx('system', (tx) => tx.deleteFrom('passwords').where('user_id', '=', person.id).execute())
    const replies = await Promise.all(
      [first, second].map(({ id }) => person.client.delete(`${PASSKEYS}/${id}`)),
    )
    expect(replies.map(({ status }) => status).sort()).toEqual([200, 409])
    const refused = replies.find(({ status }) => status === 409)
    expect(refused?.body.error).toMatchObject({ code: 'CONFLICT', details: { reason: 'last_way_in' } })
    expect((await person.client.get(PASSKEYS)).data).toHaveLength(1)
  })

  it.each([
    ['their copies are refused', { flagged_at: new Date('2030-06-01T12:00:00Z') }],
    ['they belong to another domain', { rp_id: 'former.example.com' }],
  ])('are no way in where %s', async (_, change) => {
    const [person] = (await world.people(1)) as [Person]
    const { id: unusable } = await addPasskey(person.client, new Authenticator())
    const { id } = await addPasskey(person.client, new Authenticator())
    await world.db.tx('system', async (tx) => {
      await tx.updateTable('passkey_credentials').set(change).where('factor_id', '=', unusable).execute()
      await tx.deleteFrom('passwords').where('user_id', '=', person.id).execute()
    })
    const refused = await person.client.delete(`${PASSKEYS}/${id}`)
    expect(refused.body.error.details).toEqual({ reason: 'last_way_in' })
    // it is none, so that it may be removed
    expect((await person.client.delete(`${PASSKEYS}/${unusable}`)).status).toBe(200)
  })

  it('are removed where the verified mailbox signs in', async () => {
    const byMail = await startWorld({ emailSignIn: ['code'] })
    try {
      for (const [verified_at, status] of [
        [null, 409],
        [byMail.clock.now(), 200],
      ] as const) {
        const [person] = (await byMail.people(1)) as [Person]
        const { id } = await addPasskey(person.client, new Authenticator())
        await byMail.db.tx('system', async (tx) => {
          await tx.deleteFrom('passwords').where('user_id', '=', person.id).execute()
          await tx.updateTable('emails').set({ verified_at }).where('user_id', '=', person.id).execute()
        })
        expect((await person.client.delete(`${PASSKEYS}/${id}`)).status).toBe(status)
      }
    } finally {
      await byMail.stop()
    }
  })

  it('take the backup codes and the other sessions with the last one', async () => {
    const [person] = (await world.people(1)) as [Person]
    const first = await addPasskey(person.client, new Authenticator())
    const second = await addPasskey(person.client, new Authenticator())
    const app = await enrolAuthenticator(world, person.client)
    await world.db.tx('system', (tx) => tx.deleteFrom('factors').where('id', '=', app.factorId).execute())
    const factors = async () => (await person.client.get('/api/v1/auth/mfa')).data
    expect((await person.client.delete(`${PASSKEYS}/${first.id}`)).status).toBe(200)
    expect((await factors()).backup_codes_remaining).toBe(10)
    expect((await person.client.delete(`${PASSKEYS}/${second.id}`)).status).toBe(200)
    expect(await factors()).toMatchObject({ enabled: false, methods: [], backup_codes_remaining: 0 })
    expect(await events(person, /passkey.removed|mfa.disabled/)).toEqual([
      'auth.passkey.removed',
      'auth.passkey.removed',
      'auth.mfa.disabled',
    ])
  })

  it('that cannot verify their user are no way in by themselves', async () => {
    const [person] = (await world.people(1)) as [Person]
    await addPasskey(person.client, new Authenticator({ flags: { uv: false } }))
    const { id } = await addPasskey(person.client, new Authenticator())
    await world.db.tx('system', (tx) => tx.deleteFrom('passwords').where('user_id', '=', person.id).execute())
    expect((await person.client.delete(`${PASSKEYS}/${id}`)).status).toBe(409)
  })

  it('are not removed where a policy requires one', async () => {
    const [person] = (await world.people(1)) as [Person]
    const { id } = await addPasskey(person.client, new Authenticator())
    await world.db.tx('system', (tx) =>
      tx.updateTable('users').set({ mfa_required: true }).where('id', '=', person.id).execute(),
    )
    const refused = await person.client.delete(`${PASSKEYS}/${id}`)
    expect(refused.body.error).toMatchObject({
      code: 'INSUFFICIENT_PERMISSIONS',
      details: { reason: 'required_by_policy' },
    })
    const { id: other } = await addPasskey(person.client, new Authenticator())
    expect((await person.client.delete(`${PASSKEYS}/${other}`)).status).toBe(200)
  })

  it('of another user are not found', async () => {
    const [ada, bob] = (await world.people(2)) as [Person, Person]
    const { id } = await addPasskey(ada.client, new Authenticator())
    for (const reply of [
      await bob.client.patch(`${PASSKEYS}/${id}`, { name: 'Mine' }),
      await bob.client.delete(`${PASSKEYS}/${id}`),
    ])
      expect(reply.body.error).toMatchObject({ code: 'NOT_FOUND', details: { resource: 'passkey' } })
    expect((await ada.client.get(PASSKEYS)).data).toMatchObject([{ id }])
  })

  it('are deleted with the account', async () => {
    const [person] = (await world.people(1)) as [Person]
    await addPasskey(person.client, new Authenticator())
    await person.client.delete('/api/v1/users/me', { password: person.password })
    const rows = await world.db.tx('system', (tx) =>
      tx.selectFrom('passkey_credentials').selectAll().where('user_id', '=', person.id).execute(),
    )
    expect(rows).toEqual([])
  })
})
