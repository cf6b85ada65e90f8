/** The profiles of imported users. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startWorld, type World } from '../../../testing/world.ts'
import type { ImportNote } from './fields.ts'
import { importUsers } from './index.ts'

let world: World
beforeAll(async () => {
  world = await startWorld({ rateLimits: 'off' })
})
afterAll(() => world.stop())

const run = (records: readonly unknown[], on_conflict = 'skip') =>
  importUsers(world.app.tools, {
    options: {
      source: 'test',
      dry_run: false,
      on_conflict,
      roles: {},
      unknown_roles: 'refuse',
      refused_hashes: 'refuse',
      unknown_connections: 'refuse',
    },
    rows: records.map((record, at) => ({ line: at + 1, record })),
  })
const codes = (notes: readonly ImportNote[]) => notes.map(({ line, kind, code }) => [line, kind, code])
const stored = (email: string) =>
  world.db.tx('system', (tx) =>
    tx
      .selectFrom('emails')
      .leftJoin('user_profiles', 'user_profiles.user_id', 'emails.user_id')
      .select(['emails.user_id as id', 'user_profiles.claims'])
      .where('emails.address', '=', email)
      .executeTakeFirstOrThrow(),
  )
const profileOf = async (email: string) => (await stored(email)).claims

describe('the profile of a record', () => {
  it('is taken field by field; what is not valid is left out with a warning, what is unknown refuses the record', async () => {
    const email = 'stated@profiles.example'
    const profile = {
      given_name: 'Ada',
      birthdate: 'unknown',
      address: { locality: 'London', postal_code: null },
    }
    const { counts: done, notes } = await run([
      { email, profile },
      { email: 'other@profiles.example', profile: { shoe_size: '38' } },
    ])
    expect(done).toMatchObject({ created: 1, refused: 1 })
    expect(codes(notes)).toEqual(
      expect.arrayContaining([
        [1, 'warning', 'profile_left_out'],
        [2, 'refused', 'invalid'],
      ]),
    )
    expect(await profileOf(email)).toEqual({ given_name: 'Ada', address: { locality: 'London' } })
  })

  it('changes with an update, where it states something else', async () => {
    const email = 'updated@profiles.example'
    await run([{ email, email_verified: true, profile: { given_name: 'Ada', nickname: 'A' } }])
    const next = { email, profile: { given_name: 'Augusta', address: { country: 'UK' } } }
    expect((await run([next], 'update')).counts).toMatchObject({ updated: 1 })
    expect(await profileOf(email)).toEqual({
      given_name: 'Augusta',
      nickname: 'A',
      address: { country: 'UK' },
    })
    const { id } = await stored(email)
    const events = await world.events(id)
    expect(events.filter((type) => type === 'user.updated')).toHaveLength(1)
    await run([{ ...next, full_name: 'Ada' }], 'update')
    expect(await profileOf(email)).toEqual({
      given_name: 'Augusta',
      nickname: 'A',
      address: { country: 'UK' },
    })
  })
})
