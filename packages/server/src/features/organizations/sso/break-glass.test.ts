/** Which second factors let an owner act without the connection that is required: those that were enrolled a day before. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Authenticator, addPasskey, signInByPasskey } from '../../../testing/authenticator.ts'
import { codeOf, enrolAuthenticator } from '../../../testing/authenticator-app.ts'
import type { Client, Reply } from '../../../testing/client.ts'
import { connect, ownDomain } from '../../../testing/connection-rows.ts'
import { PASSWORD, type Person, startWorld, type World } from '../../../testing/world.ts'

const PAGE = { headers: { accept: 'text/html' } }
const WARNING = 'You act without the identity provider'

let world: World
beforeAll(async () => {
  world = await startWorld({ rateLimits: 'off' })
})
afterAll(() => world.stop())

let count = 0
/** An organization that requires its connection, whose owner has a password alone. */
async function requiring(): Promise<{ id: string; owner: Person }> {
  const owner = await world.person()
  const id = await world.organization({ members: [[owner, 'owner']] })
  await connect(world, id)
  await ownDomain(world, id, `glass${++count}.example`)
  const path = `/api/v1/organizations/${id}/security-policy`
  expect((await owner.client.patch(path, { sign_in: 'sso_required' })).status).toBe(200)
  return { id, owner }
}

const read = (client: Client, id: string) => client.get(`/api/v1/organizations/${id}`)
const refused = ({ status, body }: Reply) => [status, body.error?.code, body.error?.details?.methods]
const ONLY_PROVIDER = [401, 'STEP_UP_REQUIRED', ['federation']]

/** Signs in by the password and a second factor. */
async function signIn(owner: Person, proof: { method: string; code: string }): Promise<Client> {
  const client = world.client()
  const begun = await client.post('/api/v1/auth/login', { username: owner.email, password: PASSWORD })
  const { attempt } = begun.body.error?.details ?? {}
  const proven = await client.post('/api/v1/auth/mfa/verify', { attempt, ...proof })
  expect(proven.status).toBe(200)
  client.csrfToken = proven.data.session.csrf_token
  return client
}

/** Almost a day, and the rest of it. */
const [BEFORE, REST] = ['1420 minutes', '20 minutes']

describe('break-glass by a factor', () => {
  it('that the session has just enrolled is refused, and by the same app a day later is not', async () => {
    const { id, owner } = await requiring()
    const app = await enrolAuthenticator(world, owner.client)
    expect(refused(await read(owner.client, id))).toEqual(ONLY_PROVIDER)
    await world.clock.advance(BEFORE)
    const early = await signIn(owner, { method: 'totp', code: await app.next() })
    expect(refused(await read(early, id))).toEqual(ONLY_PROVIDER)
    expect((await early.get(`/account/organizations/${id}`, PAGE)).text).not.toContain(WARNING)
    await world.clock.advance(REST)
    // what was proven before that time is proven again
    expect(refused(await read(early, id))).toEqual([
      401,
      'STEP_UP_REQUIRED',
      ['totp', 'backup_code', 'federation'],
    ])
    const begun = await early.post('/api/v1/auth/step-up', { organization_id: id })
    expect(begun.data.methods).toEqual(['totp', 'backup_code', 'federation'])
    const raised = await early.post('/api/v1/auth/mfa/verify', {
      attempt: begun.data.attempt,
      method: 'totp',
      code: await app.next(),
    })
    expect(raised.status).toBe(200)
    expect((await read(early, id)).status).toBe(200)
    const later = await signIn(owner, { method: 'totp', code: await app.next() })
    expect((await read(later, id)).status).toBe(200)
    expect((await later.get(`/account/organizations/${id}`, PAGE)).text).toContain(WARNING)
    expect((await later.get(`/account/organizations/${id}/members`, PAGE)).text).toContain(WARNING)
  })

  it('that is a backup code counts from when its set was made, also where a new set replaces it', async () => {
    const { id, owner } = await requiring()
    const app = await enrolAuthenticator(world, owner.client)
    const [first = '', second = ''] = app.backupCodes
    const early = await signIn(owner, { method: 'backup_code', code: first })
    expect(refused(await read(early, id))).toEqual(ONLY_PROVIDER)
    await world.clock.advance('24 hours')
    const later = await signIn(owner, { method: 'backup_code', code: second })
    expect((await read(later, id)).status).toBe(200)
    const made = await later.post('/api/v1/auth/mfa/backup-codes')
    expect(made.text).toContain('backup_codes')
    const fresh = await signIn(owner, { method: 'backup_code', code: made.data.backup_codes[0] })
    expect((await read(fresh, id)).body.error?.code).toBe('STEP_UP_REQUIRED')
  })

  it('that is a passkey counts a day after it was added, each for itself', async () => {
    const { id, owner } = await requiring()
    const [old, recent] = [new Authenticator(), new Authenticator()]
    await addPasskey(owner.client, old)
    const client = world.client()
    await signInByPasskey(client, old)
    expect(refused(await read(client, id))).toEqual(ONLY_PROVIDER)
    await world.clock.advance('24 hours')
    await signInByPasskey(client, old)
    expect((await read(client, id)).status).toBe(200)
    await addPasskey(client, recent)
    const other = world.client()
    await signInByPasskey(other, recent)
    expect((await read(other, id)).body.error?.code).toBe('STEP_UP_REQUIRED')
  })

  it('that replaces an older app is refused until it is a day old', async () => {
    const { id, owner } = await requiring()
    const app = await enrolAuthenticator(world, owner.client)
    await world.clock.advance('24 hours')
    const client = await signIn(owner, { method: 'totp', code: await app.next() })
    const next = await enrolAuthenticator(world, client)
    await world.clock.advance('30 seconds')
    const replaced = await signIn(owner, { method: 'totp', code: codeOf(world, next.secret) })
    expect((await read(replaced, id)).body.error?.code).toBe('STEP_UP_REQUIRED')
    const known = await signIn(owner, { method: 'totp', code: await app.next() })
    expect((await read(known, id)).status).toBe(200)
  })
})
