/** Invitations: sending, accepting, declining, revoking, expiry, limits. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { PASSWORD, type Person, startWorld, type World } from '../packages/server/src/testing/world.ts'
import {
  accept,
  BASE,
  eventsOf,
  found,
  invited,
  put,
  rolesIn,
  snapshot,
  tokenOf,
  twin,
} from './organizations/founding.ts'

let world: World
let owner: Person
let admin: Person
let ben: Person
let stranger: Person
let id: string
beforeAll(async () => {
  world = await startWorld()
  owner = await world.person({ email: 'owner@example.com' })
  admin = await world.person({ email: 'admin@example.com' })
  ben = await world.person({ email: 'ben@example.com' })
  stranger = await world.person({ email: 'stranger@example.com' })
})
afterAll(() => world.stop())
beforeEach(async () => {
  // e-mails to an address are counted over all organizations
  await world.db.tx('system', (tx) => tx.deleteFrom('invitations').execute())
  id = await found(owner)
  await put(world, id, admin, 'admin')
})

const send = (by: Person, email: string, role = 'member') =>
  by.client.post(`${BASE}/${id}/invitations`, { email, role })
/** Locks a user's account, or unlocks it. */
const lock = ({ id: userId }: Person, at: Date | null) =>
  world.db.tx('system', (tx) =>
    tx.updateTable('users').set({ locked_at: at }).where('id', '=', userId).execute(),
  )
const preview = (
  client: World['client'] extends () => infer C ? C : never,
  one: { id: string; token: string },
) => client.get(`/api/v1/invitations/${one.id}?token=${one.token}`)

describe('an invitation', () => {
  it('is accepted once, by the user with the address in any spelling', async () => {
    const one = await invited(world, admin, id, 'BEN@Example.com', 'guest')
    const email = await world.mailbox.emailTo('BEN@Example.com', /invited/)
    expect(email.subject).not.toContain('Analytical')
    expect((await preview(world.client(), one)).data).toMatchObject({
      organization: { name: 'Analytical Engines' },
      email: 'BEN@Example.com',
      role: 'guest',
      next: 'sign_in',
    })
    expect((await preview(ben.client, one)).data.next).toBe('accept')
    expect((await preview(stranger.client, one)).data.next).toBe('other_account')
    const accepted = await accept(ben.client, one.token)
    expect(accepted.data.organization).toMatchObject({
      id,
      role: 'guest',
      permissions: ['organization:read'],
    })
    expect((await rolesIn(world, id))[ben.id]).toBe('guest')
    expect((await ben.client.get('/api/v1/auth/me')).data.organization).toMatchObject({ id })
    expect((await accept(ben.client, one.token)).status).toBe(404)
    expect((await preview(ben.client, one)).status).toBe(404)
    expect(await eventsOf(world, id)).toEqual([
      'organization.created',
      'organization.invitation.sent',
      'organization.invitation.accepted',
    ])
  })

  it('is accepted by a new user who has signed up and verified the address', async () => {
    const one = await invited(world, owner, id, 'new@example.com')
    const fresh = await world.person({ email: 'New@example.com' })
    expect((await accept(fresh.client, one.token)).status).toBe(200)
    expect((await rolesIn(world, id))[fresh.id]).toBe('member')
  })

  it('is refused to another user, and stays open', async () => {
    const one = await invited(world, owner, id, 'ben@example.com')
    const before = await snapshot(world)
    const refused = await accept(stranger.client, one.token)
    expect([refused.status, refused.body.error.details]).toEqual([403, { reason: 'other_address' }])
    expect((await stranger.client.post(`/api/v1/users/me/invitations/${one.id}/accept`)).status).toBe(404)
    expect((await stranger.client.post(`/api/v1/users/me/invitations/${one.id}/decline`)).status).toBe(404)
    expect((await stranger.client.get('/api/v1/users/me/invitations')).data).toEqual([])
    expect((await accept(world.client(), one.token)).status).toBe(401)
    const [name = '', secret = ''] = one.token.split('.')
    for (const token of [
      '',
      name,
      `${name}.`,
      `${name}.${'A'.repeat(43)}`,
      `${one.token}x`,
      one.token.slice(0, -1),
      `inv_${'0'.repeat(32)}.${secret}`,
    ])
      expect([token, (await accept(ben.client, token)).status]).toEqual([token, token === '' ? 404 : 404])
    expect((await preview(ben.client, { id: one.id, token: `${name}.${'A'.repeat(43)}` })).status).toBe(404)
    expect(await snapshot(world)).toEqual(before)
    expect((await accept(ben.client, one.token)).status).toBe(200)
  })

  it('is accepted or declined from the user’s own list, without the token', async () => {
    const one = await invited(world, owner, id, 'ben@example.com')
    const listed = (await ben.client.get('/api/v1/users/me/invitations')).data
    expect(listed).toMatchObject([
      { id: one.id, organization: { name: 'Analytical Engines' }, role: 'member' },
    ])
    expect(JSON.stringify(listed)).not.toMatch(/secret|hash|org_/)
    expect((await ben.client.post(`/api/v1/users/me/invitations/${one.id}/decline`)).status).toBe(200)
    expect((await accept(ben.client, one.token)).status).toBe(404)
    const again = await invited(world, owner, id, 'ben@example.com')
    expect((await ben.client.post(`/api/v1/users/me/invitations/${again.id}/accept`)).status).toBe(200)
    expect((await ben.client.post(`/api/v1/users/me/invitations/${again.id}/accept`)).status).toBe(404)
  })

  it('is declined by its token, signed in or not', async () => {
    const one = await invited(world, owner, id, 'unregistered@example.com')
    expect(
      (await world.client().post('/api/v1/invitations/decline', { token: `${one.token.slice(0, -1)}_` }))
        .status,
    ).toBe(404)
    expect((await world.client().post('/api/v1/invitations/decline', { token: one.token })).status).toBe(200)
    expect((await world.client().post('/api/v1/invitations/decline', { token: one.token })).status).toBe(404)
    expect((await owner.client.get(`${BASE}/${id}/invitations`)).data).toEqual([])
    expect(await eventsOf(world, id)).toContain('organization.invitation.declined')
  })

  it('is invalid after it is revoked, sent again, replaced or expired, or its organization is deleted', async () => {
    const revoked = await invited(world, owner, id, 'ben@example.com')
    expect((await admin.client.delete(`${BASE}/${id}/invitations/${revoked.id}`)).status).toBe(200)
    expect((await admin.client.delete(`${BASE}/${id}/invitations/${revoked.id}`)).status).toBe(404)
    expect((await accept(ben.client, revoked.token)).status).toBe(404)

    const first = await invited(world, owner, id, 'ben@example.com')
    expect((await admin.client.post(`${BASE}/${id}/invitations/${first.id}/resend`)).status).toBe(200)
    const second = await tokenOf(world, 'ben@example.com', first.id)
    expect(second).not.toBe(first.token)
    expect((await accept(ben.client, first.token)).status).toBe(404)

    const replaced = await invited(world, owner, id, 'Ben@example.com', 'admin')
    expect(replaced.id).toBe(first.id)
    expect((await accept(ben.client, second)).status).toBe(404)

    await owner.client.delete(`${BASE}/${id}`)
    expect((await preview(ben.client, replaced)).status).toBe(404)
    expect((await accept(ben.client, replaced.token)).status).toBe(404)
    expect((await ben.client.get('/api/v1/users/me/invitations')).data).toEqual([])
    await owner.client.post(`${BASE}/${id}/restore`)
    expect((await accept(ben.client, replaced.token)).data.organization.role).toBe('admin')
  })

  it('expires', async () => {
    const late = await startWorld()
    try {
      const [maker, guest] = [await late.person(), await late.person({ email: 'late@example.com' })]
      const made = await found(maker)
      const one = await invited(late, maker, made, 'late@example.com')
      await late.clock.advance('7 days')
      await guest.client.signIn('late@example.com', PASSWORD)
      expect((await accept(guest.client, one.token)).code).toBe('TOKEN_EXPIRED')
      expect((await guest.client.post(`/api/v1/users/me/invitations/${one.id}/accept`)).status).toBe(404)
      expect((await guest.client.get('/api/v1/users/me/invitations')).data).toEqual([])
      expect(await rolesIn(late, made)).toEqual({ [maker.id]: 'owner' })
    } finally {
      await late.stop()
    }
  })

  it('proves the mailbox by its token where addresses are not verified; the list of invitations does not', async () => {
    const lax = await startWorld({ emailVerification: 'off' })
    try {
      const maker = await lax.person()
      const made = await found(maker)
      const one = await invited(lax, maker, made, 'claimed@example.com')
      const claimer = await lax.person({ email: 'claimed@example.com' })
      const other = await lax.person({ email: 'other@example.com' })
      const emails = (await lax.mailbox.emailsTo('claimed@example.com')).length
      expect((await claimer.client.get('/api/v1/users/me/invitations')).data).toEqual([])
      const own = await claimer.client.post(`/api/v1/users/me/invitations/${one.id}/accept`)
      expect([own.status, own.code]).toEqual([404, 'NOT_FOUND'])
      expect((await accept(claimer.client, `${one.id}.${'A'.repeat(43)}`)).status).toBe(404)
      expect((await preview(other.client, one)).data.next).toBe('other_account')
      expect((await accept(other.client, one.token)).code).toBe('INSUFFICIENT_PERMISSIONS')
      expect((await preview(claimer.client, one)).data.next).toBe('accept')
      const page = await claimer.client.get(`/invitations/${one.id}?token=${one.token}`, {
        headers: { accept: 'text/html' },
      })
      expect([page.status, page.text.includes(`action="/invitations/${one.id}/accept"`)]).toEqual([200, true])
      const replies = await Promise.all(Array.from({ length: 8 }, () => accept(claimer.client, one.token)))
      expect(replies.map(({ status }) => status).sort()).toEqual([200, ...Array(7).fill(404)])
      expect(await rolesIn(lax, made)).toEqual({ [maker.id]: 'owner', [claimer.id]: 'member' })
      expect((await lax.mailbox.emailsTo('claimed@example.com')).length).toBe(emails)
    } finally {
      await lax.stop()
    }
  })
})

describe('inviting', () => {
  it('to a role beyond the inviter’s permissions is refused, and so is changing such an invitation', async () => {
    const toOwner = await invited(world, owner, id, 'boss@example.com', 'owner')
    const before = await snapshot(world)
    expect((await send(admin, 'ben@example.com', 'owner')).status).toBe(403)
    expect((await send(admin, 'boss@example.com', 'guest')).status).toBe(403)
    expect((await admin.client.post(`${BASE}/${id}/invitations/${toOwner.id}/resend`)).status).toBe(403)
    expect((await admin.client.delete(`${BASE}/${id}/invitations/${toOwner.id}`)).status).toBe(403)
    expect((await send(owner, 'ben@example.com', 'emperor')).status).toBe(400)
    expect((await send(owner, 'not an address')).status).toBe(400)
    expect(await snapshot(world)).toEqual(before)
  })

  it('is refused to members and guests, who cannot list invitations', async () => {
    const one = await invited(world, owner, id, 'new@example.com')
    for (const role of ['member', 'guest']) {
      await put(world, id, ben, role)
      expect((await send(ben, 'friend@example.com', 'guest')).status).toBe(403)
      expect((await ben.client.get(`${BASE}/${id}/invitations`)).status).toBe(403)
      expect((await ben.client.delete(`${BASE}/${id}/invitations/${one.id}`)).status).toBe(403)
    }
    const next = await found(stranger, 'Next door')
    for (const path of [`${BASE}/${next}/invitations/${one.id}`, `${BASE}/${id}/invitations/${one.id}`])
      expect((await stranger.client.delete(path)).status).toBe(404)
    expect((await stranger.client.post(`${BASE}/${next}/invitations/${one.id}/resend`)).status).toBe(404)
  })

  it('is invalid while its sender could not grant the role', async () => {
    const fates: [string, () => Promise<unknown>][] = [
      ['locked', () => lock(admin, world.clock.now())],
      ['demoted', () => put(world, id, admin, 'member')],
      ['removed', () => owner.client.delete(`${BASE}/${id}/members/${admin.id}`)],
    ]
    for (const [fate, befall] of fates) {
      await put(world, id, admin, 'admin')
      await lock(admin, null)
      const one = await invited(world, admin, id, 'ben@example.com', 'admin')
      expect((await owner.client.get(`${BASE}/${id}/invitations`)).data[0].status).toBe('open')
      await befall()
      const listed = (await owner.client.get(`${BASE}/${id}/invitations`)).data
      expect(listed.map(({ status }: { status: string }) => status)).toEqual(['void'])
      expect((await ben.client.get('/api/v1/users/me/invitations')).data).toEqual([])
      expect([fate, (await preview(ben.client, one)).status]).toEqual([fate, 404])
      expect([fate, (await accept(ben.client, one.token)).status]).toEqual([fate, 404])
      expect([fate, (await ben.client.post(`/api/v1/users/me/invitations/${one.id}/accept`)).status]).toEqual(
        [fate, 404],
      )
    }
    expect((await rolesIn(world, id))[ben.id]).toBeUndefined()
    const page = await owner.client.get(`/account/organizations/${id}/invitations`, {
      headers: { accept: 'text/html' },
    })
    expect(page.text).toContain('Its sender can no longer assign this role.')
    // sent again by a member who may grant the role, it is valid again
    const open = (await owner.client.get(`${BASE}/${id}/invitations`)).data[0]
    const again = await owner.client.post(`${BASE}/${id}/invitations/${open.id}/resend`)
    expect(again.data.status).toBe('open')
    expect((await ben.client.get('/api/v1/users/me/invitations')).data).toHaveLength(1)
    expect((await accept(ben.client, await tokenOf(world, 'ben@example.com', open.id))).status).toBe(200)
  })

  it('answers the same for an address with and without an account, except a member’s', async () => {
    const shape = ({ status, body }: Awaited<ReturnType<typeof send>>) => [
      status,
      Object.keys(body.data).sort(),
      body.message,
      body.data.status,
    ]
    expect(shape(await send(owner, 'ben@example.com'))).toEqual(
      shape(await send(owner, 'unknown@example.com')),
    )
    expect((await send(owner, 'ADMIN@example.com')).status).toBe(409)
  })

  it('sends at most five e-mails an hour to an address, by sending and resending together', async () => {
    const one = (await send(owner, 'flood@example.com')).data
    expect((await owner.client.post(`${BASE}/${id}/invitations/${one.id}/resend`)).status).toBe(200)
    expect((await send(owner, 'FLOOD@example.com')).status).toBe(201)
    await owner.client.delete(`${BASE}/${id}/invitations/${one.id}`)
    expect((await send(owner, 'flood@example.com')).status).toBe(201)
    expect((await send(owner, 'flood@example.com')).status).toBe(201)
    const refused = await send(owner, 'flood@example.com')
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '3600'])
    expect(await world.mailbox.emailsTo('flood@example.com')).toHaveLength(5)
    await world.clock.advance('61 minutes')
    for (const { client, email } of [owner, admin, ben, stranger]) await client.signIn(email, PASSWORD)
    expect((await send(owner, 'flood@example.com')).status).toBe(201)
  })

  it('writes names as text in its e-mail, which links only to the invitation', async () => {
    const evil = await found(owner, '<img src=x onerror=alert(1)>')
    await owner.client.post(`${BASE}/${evil}/invitations`, { email: 'reader@example.com' })
    const email = await world.mailbox.emailTo('reader@example.com')
    expect(email.html).not.toContain('<img')
    expect(email.html).toContain('&lt;img')
    expect(email.subject).not.toContain('img')
    expect(email.links).toHaveLength(1)
    expect(email.links[0]).toMatch(
      new RegExp(`^${world.config.publicUrl}/invitations/inv_[0-9a-f]{32}\\?token=`),
    )
  })
})

describe('concurrent requests', () => {
  it('to accept one invitation: one user joins, once, with one event', async () => {
    const one = await invited(world, owner, id, 'ben@example.com')
    const replies = await Promise.all(
      Array.from({ length: 100 }, (_, n) =>
        n % 2
          ? accept(twin(world, ben), one.token)
          : twin(world, ben).post(`/api/v1/users/me/invitations/${one.id}/accept`),
      ),
    )
    expect(replies.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(replies.filter(({ status }) => status !== 200).every(({ status }) => status === 404)).toBe(true)
    expect(Object.keys(await rolesIn(world, id))).toHaveLength(3)
    expect(
      (await eventsOf(world, id)).filter((type) => type === 'organization.invitation.accepted'),
    ).toHaveLength(1)
  })

  it('to accept and to revoke: one of the two succeeds', async () => {
    for (let round = 0; round < 10; round += 1) {
      const one = await invited(world, owner, id, `round${round}@example.com`)
      const person = await world.person({ email: `round${round}@example.com` })
      const [accepted, revoked] = await Promise.all([
        accept(person.client, one.token),
        twin(world, owner).delete(`${BASE}/${id}/invitations/${one.id}`),
      ])
      expect([accepted?.status, revoked?.status].sort()).toEqual([200, 404])
      expect((await rolesIn(world, id))[person.id]).toBe(accepted?.status === 200 ? 'member' : undefined)
    }
  })

  it('to invite one address: one invitation is open, and five e-mails are sent', async () => {
    const replies = await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        twin(world, n % 2 ? owner : admin).post(`${BASE}/${id}/invitations`, { email: 'crowd@example.com' }),
      ),
    )
    expect(replies.map(({ status }) => status).filter((status) => status === 201)).toHaveLength(5)
    expect(new Set(replies.flatMap(({ data }) => data?.id ?? [])).size).toBe(1)
    expect(await world.mailbox.emailsTo('crowd@example.com')).toHaveLength(5)
  })
})
