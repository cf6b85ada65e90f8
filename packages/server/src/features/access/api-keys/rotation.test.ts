import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newId } from '../../../base/ids.ts'
import type { Client, Reply } from '../../../testing/client.ts'
import { PASSWORD, type Person, startWorld, type World } from '../../../testing/world.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.stop())

const PATH = '/api/v1/auth/api-keys'
const issue = (person: Person, body: Record<string, unknown> = {}) =>
  person.client.post(PATH, { name: 'a program', permissions: ['*'], ...body })
const withKey = (key: string): Client => world.client({ headers: { 'x-api-key': key } })
const validate = (key: string) => withKey(key).get('/api/v1/auth/validate')
const setRoles = (id: string, ...roles: string[]) =>
  world.db.tx('system', (tx) => tx.updateTable('users').set({ roles }).where('id', '=', id).execute())
const asSystem = <T>(work: Parameters<typeof world.db.tx<T>>[1]) => world.db.tx('system', work)
const isDead = async (key: string) => {
  const { status, code } = await validate(key)
  return status === 401 && code === 'INVALID_API_KEY'
}
async function staff(): Promise<Person> {
  const person = await world.person()
  await setRoles(person.id, 'staff')
  return person
}

describe('revoking a key', () => {
  it('ends it at once, once, and every guard receives the revocation', async () => {
    const person = await staff()
    const { data } = await issue(person)
    const replies = await Promise.all(
      Array.from({ length: 12 }, () => person.client.delete(`${PATH}/${data.key_id}`)),
    )
    expect(replies.map(({ status }) => status).sort()).toEqual([200, ...Array(11).fill(404)])
    expect(await isDead(data.api_key)).toBe(true)
    expect((await person.client.get(PATH)).data).toEqual([])
    expect((await world.events(person.id)).filter((type) => type === 'auth.api_key.revoked')).toHaveLength(1)
    const told = await asSystem((tx) =>
      tx.selectFrom('revocations').select('kind').where('value', '=', data.key_id).execute(),
    )
    expect(told).toEqual([{ kind: 'key' }])
  })

  it('is refused to other users, as if the key did not exist', async () => {
    const [person, other] = [await staff(), await staff()]
    await setRoles(other.id, 'super_admin')
    const { data } = await issue(person)
    expect((await other.client.get(PATH)).data).toEqual([])
    expect((await other.client.delete(`${PATH}/${data.key_id}`)).code).toBe('NOT_FOUND')
    expect((await other.client.post(`${PATH}/${data.key_id}/rotate`)).code).toBe('NOT_FOUND')
    expect((await other.client.delete(`${PATH}/${newId('key')}`)).code).toBe('NOT_FOUND')
    expect((await validate(data.api_key)).status).toBe(200)
  })
})

describe('rotating a key', () => {
  const rotate = (person: Person, id: string, body: Record<string, unknown> = {}) =>
    person.client.post(`${PATH}/${id}/rotate`, body)

  it('creates a key with the same name, permissions and lifetime; the old one is refused at once', async () => {
    const person = await staff()
    const expires_at = new Date(world.clock.now().getTime() + 86_400_000).toISOString()
    const { data: old } = await issue(person, { permissions: ['chat:read'], description: 'd', expires_at })
    await world.clock.advance('9 minutes')
    const { status, data } = await rotate(person, old.key_id)
    expect(status).toBe(201)
    expect(data).toMatchObject({
      name: old.name,
      description: 'd',
      permissions: ['chat:read'],
      rotated_from: old.key_id,
    })
    expect(data.key_id).not.toBe(old.key_id)
    const life = (one: Reply['data']) => Date.parse(one.expires_at) - Date.parse(one.created_at)
    expect(life(data)).toBe(life(old))
    expect(await isDead(old.api_key)).toBe(true)
    expect((await validate(data.api_key)).data).toMatchObject({
      key_id: data.key_id,
      permissions: ['chat:read'],
    })
    expect(await world.events(person.id)).toContain('auth.api_key.rotated')
    expect((await rotate(person, old.key_id)).code).toBe('NOT_FOUND')
  })

  it('leaves the old key valid for a grace period of up to a day, and never longer than before', async () => {
    const person = await staff()
    const soon = new Date(world.clock.now().getTime() + 600_000).toISOString()
    const [{ data: endless }, { data: short }] = [
      await issue(person),
      await issue(person, { expires_at: soon }),
    ]
    const replies = [
      await rotate(person, endless.key_id, { grace_seconds: 3600 }),
      await rotate(person, short.key_id, { grace_seconds: 3600 }),
    ]
    expect(replies.map(({ status }) => status)).toEqual([201, 201])
    expect((await rotate(person, endless.key_id)).code).toBe('CONFLICT')
    const [afterwards] = [
      (await person.client.get(PATH)).data.find((one: { key_id: string }) => one.key_id === endless.key_id),
    ]
    expect(afterwards).toMatchObject({
      status: 'active',
      rotated_at: expect.any(String),
      expires_at: expect.any(String),
    })
    expect((await validate(endless.api_key)).status).toBe(200)
    expect((await validate(short.api_key)).data.expires_at).toBe(soon)
    await world.clock.advance('11 minutes')
    expect(await isDead(short.api_key)).toBe(true)
    expect((await validate(endless.api_key)).status).toBe(200)
    await world.clock.advance('50 minutes')
    expect(await isDead(endless.api_key)).toBe(true)
    expect((await validate(replies[0]?.data.api_key)).status).toBe(200)
    await person.client.signIn(person.email, PASSWORD)
    for (const grace_seconds of [-1, 86_401, 1.5])
      expect((await rotate(person, replies[0]?.data.key_id, { grace_seconds })).code).toBe('VALIDATION_ERROR')
  })

  it.each([0, 3600])('has one winner of many at once, with a grace of %d s', async (grace_seconds) => {
    const person = await staff()
    const { data } = await issue(person)
    const replies = await Promise.all(
      Array.from({ length: 12 }, () => rotate(person, data.key_id, { grace_seconds })),
    )
    const made = replies.filter(({ status }) => status === 201)
    expect(made).toHaveLength(1)
    expect(replies.filter(({ status }) => ![201, 404, 409].includes(status))).toEqual([])
    expect((await person.client.get(PATH)).data).toHaveLength(grace_seconds ? 2 : 1)
    expect((await validate(made[0]?.data.api_key)).status).toBe(200)
  })

  it('and revoking concurrently leave either the new key or neither of the two', async () => {
    for (let round = 0; round < 10; round += 1) {
      const person = await staff()
      const { data } = await issue(person)
      const [rotated, revoked] = await Promise.all([
        rotate(person, data.key_id),
        person.client.delete(`${PATH}/${data.key_id}`),
      ])
      expect([rotated.status < 400, revoked.status < 400].filter(Boolean)).toHaveLength(1)
      expect(await isDead(data.api_key)).toBe(true)
      expect((await person.client.get(PATH)).data).toHaveLength(rotated.status === 201 ? 1 : 0)
    }
  })
})

describe('the last use of a key', () => {
  it('is shown at once, written in batches, and never moves back', async () => {
    const person = await staff()
    const { data } = await issue(person)
    const stored = () =>
      asSystem((tx) =>
        tx.selectFrom('api_keys').select('last_used_at').where('id', '=', data.key_id).executeTakeFirst(),
      )
    // the timer that writes them may fall among the uses, but not every time
    const unwritten: boolean[] = []
    for (let i = 0; i < 5; i += 1) {
      await world.app.settle()
      const before = (await stored())?.last_used_at?.getTime() ?? null
      expect((await validate(data.api_key)).status).toBe(200)
      unwritten.push(((await stored())?.last_used_at?.getTime() ?? null) === before)
    }
    expect(unwritten).toContain(true)
    const [shown] = (await person.client.get(PATH)).data
    expect(Date.parse(shown.last_used_at)).toBeGreaterThanOrEqual(Date.parse(data.created_at))
    await world.app.settle()
    expect((await stored())?.last_used_at?.toISOString()).toBe(shown.last_used_at)
    // another node saw it later
    const later = new Date(Date.parse(shown.last_used_at) + 60_000)
    await asSystem((tx) =>
      tx.updateTable('api_keys').set({ last_used_at: later }).where('id', '=', data.key_id).execute(),
    )
    await validate(data.api_key)
    await world.app.settle()
    expect((await stored())?.last_used_at?.toISOString()).toBe(later.toISOString())
  })

  it('is not recorded for a key that was refused', async () => {
    const person = await staff()
    const { data } = await issue(person)
    await person.client.delete(`${PATH}/${data.key_id}`)
    await validate(data.api_key)
    await world.app.settle()
    const row = await asSystem((tx) =>
      tx.selectFrom('api_keys').selectAll().where('id', '=', data.key_id).executeTakeFirst(),
    )
    expect(row?.last_used_at).toBeNull()
  })
})

describe('keys that ended long ago', () => {
  it('are deleted after 30 days', async () => {
    const person = await staff()
    const soon = new Date(world.clock.now().getTime() + 60_000).toISOString()
    const [{ data: revoked }, { data: kept }] = [await issue(person), await issue(person)]
    await issue(person, { expires_at: soon })
    await person.client.delete(`${PATH}/${revoked.key_id}`)
    const left = async () =>
      (
        await asSystem((tx) =>
          tx.selectFrom('api_keys').select('id').where('user_id', '=', person.id).execute(),
        )
      ).length
    await world.clock.advance('29 days')
    expect(await left()).toBe(3)
    await world.clock.advance('2 days')
    expect(await left()).toBe(1)
    expect((await validate(kept.api_key)).status).toBe(200)
  })
})
