/** Attempts whose user has changed since they began to wait: what is due is judged again when a step is taken. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { codeOf, enrolAuthenticator } from '../../../testing/authenticator-app.ts'
import type { Client } from '../../../testing/client.ts'
import { PASSWORD, startWorld, type World } from '../../../testing/world.ts'
import { pathOf, startCompany } from '../../organizations/policy/testing.ts'

let strict: World
let classic: World
let usual: World
beforeAll(async () => {
  strict = await startWorld({ mfa: 'required' })
  classic = await startWorld({ passwordProfile: 'classic' })
  usual = await startWorld()
})
afterAll(() => Promise.all([strict.stop(), classic.stop(), usual.stop()]))

const begin = async (client: Client, email: string, password = PASSWORD): Promise<string> =>
  (await client.post('/api/v1/auth/login', { email, password })).body.error.details.attempt

async function enrolIn(client: Client, attempt: string, world = strict) {
  const path = `/api/v1/auth/attempts/${attempt}/mfa`
  const begun = await client.post(`${path}/enable`, { method: 'totp' })
  if (begun.status !== 200) return begun
  const { secret, factor_id } = begun.data
  return await client.post(`${path}/confirm`, { code: codeOf(world, secret), factor_id })
}

describe('an attempt that waits for a second factor to be set up', () => {
  it('waits for the one that the user has set up elsewhere meanwhile', async () => {
    const { email } = await strict.person({ signIn: false })
    const [stranger, owner] = [strict.client(), strict.client()]
    const known = await begin(stranger, email)
    expect((await enrolIn(owner, await begin(owner, email))).status).toBe(200)
    await strict.clock.advance('10 minutes')
    const refused = await enrolIn(stranger, known)
    expect([refused.status, refused.code]).toEqual([401, 'MFA_REQUIRED'])
    expect((await stranger.get('/api/v1/auth/me')).status).toBe(401)
    const { methods } = (await owner.get('/api/v1/auth/mfa')).data
    expect(methods.filter(({ kind }: { kind: string }) => kind === 'totp')).toHaveLength(1)
  })
})

describe('a session that sets up what an organization requires', () => {
  it('proves first what its user has set up in another session meanwhile', async () => {
    const { id, owner, member } = await startCompany(usual)
    const stolen = usual.client()
    await stolen.signIn(member.email, PASSWORD)
    await enrolAuthenticator(usual, owner.client)
    const policy = { mode: 'require_any', grace_days: 0 }
    expect((await owner.client.put(pathOf(id), policy)).status).toBe(200)
    const { attempt } = (await stolen.get(`/api/v1/organizations/${id}`)).body.error.details
    await enrolAuthenticator(usual, member.client)
    expect((await enrolIn(stolen, attempt, usual)).status).not.toBe(200)
    const { methods } = (await member.client.get('/api/v1/auth/mfa')).data
    expect(methods.filter(({ kind }: { kind: string }) => kind === 'totp')).toHaveLength(1)
  })
})

describe('an attempt that waits for an expired password to be replaced', () => {
  it('waits for the second factor that the user has set up meanwhile, and replaces nothing', async () => {
    const [known, wished] = ['Str0ng!Passw0rd-One', 'Str0ng!Passw0rd-Two']
    const { email } = await classic.person({ password: known, signIn: false })
    await classic.clock.advance('89 days')
    const owner = classic.client()
    await owner.signIn(email, known, { remember_me: true })
    await classic.clock.advance('1 day')
    await classic.clock.advance('5 minutes')
    const stranger = classic.client()
    const attempt = await begin(stranger, email, known)
    const { attempt: stepUp } = (await owner.post('/api/v1/auth/step-up', {})).data
    const proof = { attempt: stepUp, method: 'password', password: known }
    owner.csrfToken = (await owner.post('/api/v1/auth/mfa/verify', proof)).data.session.csrf_token
    await enrolAuthenticator(classic, owner)
    const refused = await stranger.post(`/api/v1/auth/attempts/${attempt}/password`, { password: wished })
    expect([refused.status, refused.code]).toEqual([401, 'MFA_REQUIRED'])
    expect((await owner.get('/api/v1/auth/me')).status).toBe(200)
    const login = { email, password: wished }
    expect((await classic.client().post('/api/v1/auth/login', login)).code).toBe('AUTHENTICATION_FAILED')
  })
})

describe('backup codes', () => {
  it('are not used up by an attempt that another answer has completed', async () => {
    const { client, email } = await classic.person({ password: 'Str0ng!Passw0rd-One' })
    const { backupCodes } = await enrolAuthenticator(classic, client)
    const attempt = await begin(classic.client(), email, 'Str0ng!Passw0rd-One')
    const answers = await Promise.all(
      backupCodes
        .slice(0, 4)
        .map((code) =>
          classic.client().post('/api/v1/auth/mfa/verify', { attempt, method: 'backup_code', code }),
        ),
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409, 409])
    expect((await client.get('/api/v1/auth/mfa')).data.backup_codes_remaining).toBe(9)
  })
})
