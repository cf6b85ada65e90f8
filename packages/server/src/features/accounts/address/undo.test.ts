/**
 * Undoing a change of address by the link to the earlier one: what it restores, what it ends, and who wins of
 * several.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Authenticator, addPasskey, signInByPasskey } from '../../../testing/authenticator.ts'
import { enrolAuthenticator } from '../../../testing/authenticator-app.ts'
import { PASSWORD, type Person, startWorld, type World } from '../../../testing/world.ts'
import { addressRequests, ME } from './testing.ts'

let world: World
let n = 0
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.stop())
beforeEach(() => world.clock.advance('2 minutes'))

const fresh = () => `moved${++n}@example.com`
const { request, confirm, undo, signIn, confirmToken, undoToken } = addressRequests(() => world)

async function move(person: Person, email = fresh()): Promise<string> {
  expect((await request(person, email)).status).toBe(202)
  expect((await confirm(await confirmToken(email))).status).toBe(200)
  return email
}
const addressOf = (id: string) =>
  world.db.tx('system', async (tx) => {
    const rows = await tx
      .selectFrom('emails')
      .select(['address', 'is_primary'])
      .where('user_id', '=', id)
      .orderBy('created_at')
      .execute()
    return {
      primary: rows.filter((row) => row.is_primary).map((row) => row.address),
      kept: rows.filter((row) => !row.is_primary).map((row) => row.address),
    }
  })

describe('the link to the earlier address', () => {
  it('restores it, and ends sessions, tokens, keys, the password, links and the change that waits', async () => {
    const person = await world.person()
    const key = await person.client.apiKey()
    const email = await move(person)
    const session = await world
      .client()
      .post('/api/v1/auth/login', { username: email, password: PASSWORD, tokens: true })
    await world.client().post('/api/v1/auth/password/forgot', { email })
    const reset = await world.mailbox.tokenFor(email, /reset-password/)
    const next = fresh()
    await request(person, next)
    const pending = await confirmToken(next)

    const reply = await undo(await undoToken(person.email))
    expect([reply.status, reply.body.data]).toEqual([200, null])
    expect(await addressOf(person.id)).toEqual({ primary: [person.email], kept: [] })
    // who changed the address knows the password
    expect([(await signIn(email)).code, (await signIn(person.email)).code]).toEqual([
      'AUTHENTICATION_FAILED',
      'AUTHENTICATION_FAILED',
    ])
    expect((await key.client.get('/api/v1/auth/validate')).code).toBe('INVALID_API_KEY')
    expect((await person.client.get('/api/v1/auth/me')).status).toBe(401)
    expect(
      (await world.client().post('/api/v1/auth/refresh', { refresh_token: session.data.refresh_token }))
        .status,
    ).toBe(401)
    expect((await confirm(pending)).code).toBe('INVALID_TOKEN')
    const late = await world
      .client()
      .post('/api/v1/auth/password/reset', { token: reset, password: `${PASSWORD} 2` })
    expect(late.code).toBe('INVALID_TOKEN')
    expect(await world.events(person.id)).toEqual(
      expect.arrayContaining(['auth.email.change_undone', 'auth.session.revoked', 'auth.api_key.revoked']),
    )
  })

  it('removes second factors that were set up since the change, and lists them; those from before stay', async () => {
    const person = await world.person()
    const app = await enrolAuthenticator(world, person.client)
    await world.clock.advance('1 minute')
    await move(person)
    const planted = new Authenticator()
    await addPasskey(person.client, planted, { name: 'Planted key' })
    const token = await undoToken(person.email)
    const opened = await world.client().get(`/email-change/undo?token=${token}`)
    expect(opened.text).toContain('second factors that were set up since')
    expect((await undo(token)).status).toBe(200)
    expect((await world.mailbox.emailTo(person.email, /was undone/)).text).toContain('Passkey “Planted key”')
    expect((await signInByPasskey(world.client(), planted)).status).toBe(401)
    const left = await world.db.hot
      .selectFrom('factors')
      .select('id')
      .where('user_id', '=', person.id)
      .execute()
    expect(left.map(({ id }) => id)).toContain(app.factorId)
    expect(left).toHaveLength(2)
  })

  it('touches no address of another account, whenever it was registered or kept', async () => {
    const person = await world.person()
    await move(person)
    const [later, moved] = [await world.person(), await world.person()]
    const present = await move(moved)
    expect((await undo(await undoToken(person.email))).status).toBe(200)
    expect(await addressOf(later.id)).toEqual({ primary: [later.email], kept: [] })
    expect(await addressOf(moved.id)).toEqual({ primary: [present], kept: [moved.email] })
    expect((await signIn(later.email)).status).toBe(200)
  })

  it('offers a new password, and tells both addresses', async () => {
    const person = await world.person()
    const email = await move(person)
    await undo(await undoToken(person.email))
    await world.mailbox.emailTo(email, /was undone/)
    const letter = await world.mailbox.emailTo(person.email, /was undone/)
    const token = new URL(
      letter.links.find((link) => link.includes('reset-password')) ?? '',
    ).searchParams.get('token')
    const password = 'quite another passphrase'
    expect((await world.client().post('/api/v1/auth/password/reset', { token, password })).status).toBe(200)
    expect(
      (await world.client().post('/api/v1/auth/login', { username: person.email, password })).status,
    ).toBe(200)
  })

  it('ends a sign-in under way', async () => {
    const person = await world.person()
    await move(person)
    const open = () =>
      world.db.tx('system', (tx) =>
        tx
          .selectFrom('attempts')
          .selectAll()
          .where('user_id', '=', person.id)
          .where('finished_at', 'is', null)
          .execute(),
      )
    await world.db.tx('system', (tx) =>
      tx
        .insertInto('attempts')
        .values({
          id: `sgn_${'0'.repeat(32)}`,
          secret_hash: Buffer.alloc(32),
          user_id: person.id,
          step: 'change_password',
          proofs: '[]',
          requirements: '[]',
          remember: false,
          return_to: null,
          tokens: false,
          purpose: 'sign_in',
          demand: '{}',
          created_at: world.clock.now(),
          expires_at: new Date(world.clock.now().getTime() + 900_000),
          finished_at: null,
        })
        .execute(),
    )
    expect((await open()).length).toBeGreaterThan(0)
    expect((await undo(await undoToken(person.email))).status).toBe(200)
    expect(await open()).toEqual([])
  })

  it('works once, and not after seven days, when the address is free again', async () => {
    const [person, other] = await world.people(2)
    if (!person || !other) throw new Error('no users')
    await move(person)
    const used = await undoToken(person.email)
    expect([(await undo(used)).status, (await undo(used)).code]).toEqual([200, 'INVALID_TOKEN'])
    await move(other)
    const late = await undoToken(other.email)
    await world.clock.advance('7 days')
    expect((await undo(late)).code).toMatch(/TOKEN_EXPIRED|INVALID_TOKEN/)
    expect((await addressOf(other.id)).kept).toEqual([])
    const again = await world.person({ email: other.email })
    expect((await signIn(again.email)).status).toBe(200)
  })

  it('cannot be forestalled: the earlier address stays the account’s for seven days', async () => {
    const open = await startWorld({ emailVerification: 'off' })
    try {
      const person = await open.person()
      const input = { email: 'moved@example.com', password: PASSWORD }
      await person.client.post(ME, input)
      const token = await open.mailbox.tokenFor(input.email, /email-change\?/)
      await open.client().post('/api/v1/auth/email-change', { token })
      const rival = await open
        .client()
        .post('/api/v1/auth/register', { email: person.email, password: PASSWORD })
      expect([rival.status, rival.code]).toEqual([409, 'CONFLICT'])
      const back = await open.mailbox.tokenFor(person.email, /email-change\/undo/)
      expect((await open.client().post('/api/v1/auth/email-change/undo', { token: back })).status).toBe(200)
    } finally {
      await open.stop()
    }
  })

  it('is not voided by further changes, and voids them', async () => {
    const person = await world.person()
    const second = await move(person)
    await world.clock.advance('2 minutes')
    const third = await move(person)
    const [first, later] = [await undoToken(person.email), await undoToken(second)]
    expect(await addressOf(person.id)).toEqual({ primary: [third], kept: [person.email, second] })
    expect((await undo(first)).status).toBe(200)
    expect(await addressOf(person.id)).toEqual({ primary: [person.email], kept: [] })
    expect((await undo(later)).code).toBe('INVALID_TOKEN')
  })

  it('of a later change leaves that of the earlier', async () => {
    const person = await world.person()
    const second = await move(person)
    await world.clock.advance('2 minutes')
    await move(person)
    expect((await undo(await undoToken(second))).status).toBe(200)
    expect((await undo(await undoToken(person.email))).status).toBe(200)
    expect((await addressOf(person.id)).primary).toEqual([person.email])
  })

  it('removes a later address also where the clock of its node was behind', async () => {
    const person = await world.person()
    const second = await move(person)
    const ahead = new Date(world.clock.now().getTime() + 300_000)
    await world.db.tx('system', (tx) =>
      tx
        .updateTable('emails')
        .set({ created_at: ahead })
        .where('user_id', '=', person.id)
        .where('address', '=', person.email)
        .execute(),
    )
    await world.clock.advance('2 minutes')
    await move(person)
    const [first, later] = [await undoToken(person.email), await undoToken(second)]
    expect((await undo(first)).status).toBe(200)
    expect((await undo(later)).code).toBe('INVALID_TOKEN')
    expect(await addressOf(person.id)).toEqual({ primary: [person.email], kept: [] })
  })

  it('is not sent where the user returned to the earlier address: it would restore the other', async () => {
    const person = await world.person()
    const second = await move(person)
    await world.clock.advance('2 minutes')
    await move(person, person.email)
    const told = await world.mailbox.emailTo(second, /was changed/)
    expect(told.links.join()).not.toContain('undo')
    expect(await addressOf(person.id)).toEqual({ primary: [person.email], kept: [] })
  })
})

describe('of requests at once', () => {
  it('one use of a link succeeds', async () => {
    const person = await world.person()
    const email = fresh()
    await request(person, email)
    const token = await confirmToken(email)
    const confirmed = await Promise.all(Array.from({ length: 12 }, () => confirm(token)))
    expect(confirmed.filter(({ status }) => status === 200)).toHaveLength(1)
    const back = await undoToken(person.email)
    const undone = await Promise.all(Array.from({ length: 12 }, () => undo(back)))
    expect(undone.filter(({ status }) => status === 200)).toHaveLength(1)
    for (const { status } of [...confirmed, ...undone]) expect([200, 400, 401]).toContain(status)
  })

  it('one account takes an address', async () => {
    const people = await world.people(4)
    const email = fresh()
    const tokens: string[] = []
    for (const person of people) {
      await request(person, email)
      tokens.push(await confirmToken(email))
      await world.clock.advance('2 minutes')
    }
    const replies = await Promise.all(tokens.map(confirm))
    expect(replies.map(({ status }) => status).sort()).toEqual([200, 409, 409, 409])
  })

  it('no API key outlives the undoing', async () => {
    for (let round = 0; round < 6; round++) {
      const person = await world.person()
      const old = await person.client.apiKey()
      await move(person)
      const back = await undoToken(person.email)
      const make = () => person.client.post('/api/v1/auth/api-keys', { name: 'kept', permissions: ['*'] })
      const rotate = () => person.client.post(`/api/v1/auth/api-keys/${old.id}/rotate`, {})
      const [undone] = await Promise.all([undo(back), make(), rotate(), make()])
      expect(undone.status).toBe(200)
      const open = await world.db.tx('system', (tx) =>
        tx
          .selectFrom('api_keys')
          .select('id')
          .where('user_id', '=', person.id)
          .where('revoked_at', 'is', null)
          .execute(),
      )
      expect(open).toEqual([])
      await world.clock.advance('2 minutes')
    }
  })

  it('nothing that the old password opens outlives the undoing', async () => {
    for (let round = 0; round < 6; round++) {
      const person = await world.person()
      const email = await move(person)
      const back = await undoToken(person.email)
      const change = { current_password: PASSWORD, new_password: 'quite another passphrase' }
      const [undone, changed, deleted] = await Promise.all([
        undo(back),
        person.client.post('/api/v1/users/me/password', change),
        round % 2 ? person.client.delete('/api/v1/users/me', { password: PASSWORD }) : null,
        ...Array.from({ length: 4 }, () => signIn(email)),
      ])
      // an account that was deleted before is not restored
      if (deleted?.status === 200) expect(undone.status).toBe(401)
      else expect(undone.status).toBe(200)
      expect([200, 401, 404, 409]).toContain(changed.status)
      const left = await world.db.tx('system', async (tx) => [
        await tx.selectFrom('passwords').select('user_id').where('user_id', '=', person.id).execute(),
        await tx
          .selectFrom('sessions')
          .select('id')
          .where('user_id', '=', person.id)
          .where('ended_at', 'is', null)
          .execute(),
      ])
      expect(left).toEqual([[], []])
      await world.clock.advance('2 minutes')
    }
  })

  it('the undoing wins over the confirmation of a second change', async () => {
    for (let round = 0; round < 6; round++) {
      const person = await world.person()
      await move(person)
      const third = fresh()
      await request(person, third)
      const [next, back] = [await confirmToken(third), await undoToken(person.email)]
      const [, undone] = await Promise.all([confirm(next), undo(back), request(person, fresh())])
      expect(undone.status).toBe(200)
      expect(await addressOf(person.id)).toEqual({ primary: [person.email], kept: [] })
      expect((await person.client.get(ME)).status).toBe(401)
      await world.clock.advance('2 minutes')
    }
  })
})
