/**
 * The state shown is the state enforced: for everything that has a state in a list, an answer or a page, each
 * situation in which it can be, what is shown of it, and whether it is usable then.
 */
import { afterAll, beforeAll, it } from 'vitest'
import { systemCall } from '../packages/server/src/base/call.ts'
import { findMailFault } from '../packages/server/src/core/mail/index.ts'
import { listUsersByOperator } from '../packages/server/src/features/accounts/registration/index.ts'
import type { Reply } from '../packages/server/src/testing/client.ts'
import { type Person, startWorld } from '../packages/server/src/testing/world.ts'
import { accept, BASE, invited } from './organizations/founding.ts'
import {
  expectAgreement,
  lists,
  type Observation,
  SCENE_PASSWORD,
  type Scene,
  startScene,
} from './states/observations.ts'

let scene: Scene
beforeAll(async () => {
  scene = await startScene()
})
afterAll(() => scene.world.stop())

const api = (path: string) => `/api/v1${path}`
const advance = (text: string) => scene.world.clock.advance(text)
const isDone = ({ status }: Reply): boolean => status < 300
const act = async (id: string, what: string, body: object = {}) =>
  (await scene.root()).client.post(api(`/users/${id}/${what}`), body)

/** Whether the account is shown as active: by itself, and in the list of active accounts. */
async function isShownActive(who: Person): Promise<boolean> {
  const { client } = await scene.root()
  const { status } = (await client.get(api(`/users/${who.id}`))).data
  for (const one of ['active', 'locked', 'disabled', 'pending']) {
    const { data } = await client.get(api(`/users?status=${one}&search=${encodeURIComponent(who.email)}`))
    const isListed = lists(data, ({ id }) => id === who.id)
    if (isListed !== (one === status)) throw new Error(`${who.email} is ${status}, and listed as ${one}`)
  }
  const { users } = await listUsersByOperator(scene.world.app.tools, { limit: 100, cursor: null })
  const inTerminal = users.find(({ id }) => id === who.id)?.status
  if (inTerminal !== status) throw new Error(`${who.email} is ${status}, and ${inTerminal} in the terminal`)
  return status === 'active'
}

const STATES: Readonly<Record<string, () => Promise<Observation[]>>> = {
  users: async () => {
    const found: Observation[] = []
    const observe = async (situation: string, who: Person) => {
      found.push({ situation, shown: await isShownActive(who), enforced: await scene.signsIn(who) })
    }
    const who = await scene.person()
    await observe('active', who)
    await act(who.id, 'lock', { until: new Date(scene.world.clock.now().getTime() + 600_000).toISOString() })
    await observe('locked for ten minutes', who)
    await advance('9 minutes')
    await observe('in the tenth minute', who)
    await advance('61 seconds')
    await observe('after them', who)
    await act(who.id, 'lock')
    await observe('locked without an end', who)
    await act(who.id, 'unlock')
    await observe('unlocked', who)
    await act(who.id, 'disable')
    await observe('disabled', who)
    await act(who.id, 'enable')
    await observe('enabled', who)
    const email = 'registered@example.com'
    const { data } = await scene.world
      .client()
      .post(api('/auth/register'), { email, password: SCENE_PASSWORD })
    await observe('registered', { ...who, id: data.user.id, email })
    const token = await scene.world.mailbox.tokenFor(email, /verify-email/)
    await scene.world.client().post(api('/auth/verify-email'), { token })
    await observe('verified', { ...who, id: data.user.id, email })
    return found
  },

  'sessions': async () => {
    const found: Observation[] = []
    const observe = async (situation: string, who: Person, { id, token }: { id: string; token: string }) => {
      const { client } = await scene.root()
      const { data } = await client.get(api(`/users/${who.id}/sessions`))
      const isActive = await isShownActive(who)
      found.push({
        situation,
        shown: isActive && lists(data, (one) => one.id === id),
        enforced: await scene.accepts(token),
      })
    }
    const who = await scene.person()
    const fresh = async (situation: string, more: object = {}) => {
      const session = await scene.session(who, more)
      await observe(`${situation}, before`, who, session)
      return session
    }
    const idle = await fresh('idle')
    await advance('31 minutes')
    await observe('idle for 31 minutes', who, idle)
    const old = await fresh('used')
    for (let n = 0; n < 19; n++) {
      await advance('25 minutes')
      await scene.accepts(old.token)
    }
    await observe('used for 7 hours and 55 minutes', who, old)
    await advance('6 minutes')
    await observe('used for 8 hours', who, old)
    const own = await fresh('ended by its user')
    await who.client.signIn(who.email, SCENE_PASSWORD)
    await who.client.delete(api(`/auth/sessions/${own.id}`))
    await observe('ended by its user', who, own)
    const ended = await fresh('ended by an administrator')
    await (await scene.root()).client.delete(api(`/users/${who.id}/sessions/${ended.id}`))
    await observe('ended by an administrator', who, ended)
    const kept = await fresh('of an account that is locked and keeps its sessions')
    await act(who.id, 'lock', { end_sessions: false })
    await observe('locked', who, kept)
    await act(who.id, 'unlock')
    await observe('unlocked', who, kept)
    await act(who.id, 'disable')
    await observe('disabled', who, kept)
    await act(who.id, 'enable')
    await observe('enabled', who, kept)
    const { body } = await scene.world
      .client()
      .post('/api/users/create_token', { username: who.email, password: SCENE_PASSWORD })
    const { data } = await (await scene.root()).client.get(api(`/users/${who.id}/sessions`))
    const token = { id: data[0].id as string, token: body.token as string }
    await advance('2 days')
    await observe('a token by password after two days', who, token)
    await scene.world.client().post('/api/users/revoke_token', {
      user: { username: who.email, password: SCENE_PASSWORD },
      token: token.token,
    })
    await observe('a token by password that is revoked', who, token)
    return found
  },

  'keys': async () => {
    const found: Observation[] = []
    const who = await scene.person()
    const later = (seconds: number) => new Date(scene.world.clock.now().getTime() + seconds * 1000).toISOString()
    const key = async (more: object = {}) => {
      await who.client.signIn(who.email, SCENE_PASSWORD)
      return who.client.apiKey(more as Record<string, unknown>)
    }
    const observe = async (situation: string, { id, secret }: { id: string; secret: string }) => {
      const isActive = ({ key_id, status }: { key_id: string; status: string }) => key_id === id && status === 'active'
      const { client } = await scene.root()
      const shown = lists((await client.get(api(`/users/${who.id}/api-keys`))).data, isActive)
      found.push({ situation, shown, enforced: await scene.accepts(secret) })
      // its owner sees the same, where the owner may look
      if (!(await scene.signsIn(who))) return
      await who.client.signIn(who.email, SCENE_PASSWORD)
      const own = lists((await who.client.get(api('/auth/api-keys'))).data, isActive)
      found.push({ situation: `${situation}, to its owner`, shown: own, enforced: shown })
    }
    const lasting = await key()
    await observe('active', lasting)
    const short = await key({ expires_at: later(3600) })
    await advance('59 minutes')
    await observe('in its last minute', short)
    await advance('61 seconds')
    await observe('expired', short)
    const revoked = await key()
    await who.client.delete(api(`/auth/api-keys/${revoked.id}`))
    await observe('revoked', revoked)
    const old = await key()
    await who.client.post(api(`/auth/api-keys/${old.id}/rotate`), { grace_seconds: 600 })
    await observe('replaced, within its grace', old)
    await advance('11 minutes')
    await observe('replaced, after its grace', old)
    for (const [fate, end] of [['lock', 'unlock'], ['disable', 'enable']] as const) {
      await act(who.id, fate)
      await observe(`of an owner: ${fate}`, lasting)
      await act(who.id, end)
      await observe(`of an owner: ${end}`, lasting)
    }
    return found
  },

  'invitations': async () => {
    const found: Observation[] = []
    const owner = await scene.person()
    const id = (await owner.client.post(BASE, { name: 'Invitations' })).data.id
    const admin = await scene.person()
    const root = await scene.root()
    await root.client.post(`${BASE}/${id}/members`, { user_id: admin.id, role: 'admin' })
    const situations: [string, (invitation: string) => Promise<unknown>, end?: () => Promise<unknown>][] = [
      ['open', async () => {}],
      ['of a locked sender', () => act(admin.id, 'lock'), () => act(admin.id, 'unlock')],
      ['of a disabled sender', () => act(admin.id, 'disable'), () => act(admin.id, 'enable')],
      [
        'of a sender who is only a member now',
        () => owner.client.patch(`${BASE}/${id}/members/${admin.id}/role`, { role: 'member' }),
        () => owner.client.patch(`${BASE}/${id}/members/${admin.id}/role`, { role: 'admin' }),
      ],
      ['revoked', (invitation) => owner.client.delete(`${BASE}/${id}/invitations/${invitation}`)],
      [
        'whose sender has left',
        () => owner.client.delete(`${BASE}/${id}/members/${admin.id}`),
        async () =>
          (await scene.root()).client.post(`${BASE}/${id}/members`, { user_id: admin.id, role: 'admin' }),
      ],
      ['expired', () => advance('8 days')],
    ]
    for (const [situation, befall, end = async () => {}] of situations) {
      const guest = await scene.person()
      await admin.client.signIn(admin.email, SCENE_PASSWORD)
      await owner.client.signIn(owner.email, SCENE_PASSWORD)
      const one = await invited(scene.world, admin, id, guest.email)
      await befall(one.id)
      await owner.client.signIn(owner.email, SCENE_PASSWORD)
      await guest.client.signIn(guest.email, SCENE_PASSWORD)
      const { data } = await owner.client.get(`${BASE}/${id}/invitations`)
      const shown = lists(data, (entry) => entry.id === one.id && entry.status === 'open')
      const own = lists((await guest.client.get(api('/users/me/invitations'))).data, (entry) => entry.id === one.id)
      const preview = isDone(await guest.client.get(api(`/invitations/${one.id}?token=${one.token}`)))
      const enforced = isDone(await accept(guest.client, one.token))
      found.push({ situation, shown, enforced })
      found.push({ situation: `${situation}, in the list of the guest`, shown: own, enforced })
      found.push({ situation: `${situation}, by its link`, shown: preview, enforced })
      await end()
    }
    return found
  },

  'members and their roles': async () => {
    const found: Observation[] = []
    const owner = await scene.person()
    const who = await scene.person()
    const id = (await owner.client.post(BASE, { name: 'Members' })).data.id
    const observe = async (situation: string) => {
      const members = (await owner.client.get(`${BASE}/${id}/members`)).data
      const role = members.find((one: { user: { id: string } }) => one.user.id === who.id)?.role
      const mine = (await who.client.get(api('/users/me/organizations'))).data
      const own = mine.find((one: { id: string }) => one.id === id)?.role
      if (own !== role) throw new Error(`${situation}: ${role} to the owner, ${own} to the member`)
      found.push({
        situation: `${situation}: is a member`,
        shown: role !== undefined,
        enforced: isDone(await who.client.get(`${BASE}/${id}`)),
      })
      const invite = await who.client.post(`${BASE}/${id}/invitations`, { email: `${situation}@example.com`, role: 'guest' })
      found.push({ situation: `${situation}: may invite`, shown: role === 'admin', enforced: isDone(invite) })
    }
    await observe('before')
    await (await scene.root()).client.post(`${BASE}/${id}/members`, { user_id: who.id, role: 'admin' })
    await observe('admin')
    for (const role of ['member', 'admin', 'guest']) {
      await owner.client.patch(`${BASE}/${id}/members/${who.id}/role`, { role })
      await observe(role)
    }
    await owner.client.delete(`${BASE}/${id}/members/${who.id}`)
    await observe('removed')
    return found
  },

  'organizations': async () => {
    const found: Observation[] = []
    const owner = await scene.person()
    const id = (await owner.client.post(BASE, { name: 'Organizations' })).data.id
    const observe = async (situation: string) => {
      await owner.client.signIn(owner.email, SCENE_PASSWORD)
      const { data } = await (await scene.root()).client.get(`${BASE}?search=organizations`)
      const mine = (await owner.client.get(api('/users/me/organizations'))).data
      const isLive = (one: { id: string; deleted_at: string | null }) => one.id === id && one.deleted_at === null
      const enforced = isDone(await owner.client.patch(`${BASE}/${id}`, { description: situation }))
      found.push({ situation, shown: lists(mine, isLive), enforced })
      found.push({ situation: `${situation}, to an administrator`, shown: lists(data, isLive), enforced })
    }
    await observe('live')
    await owner.client.delete(`${BASE}/${id}`)
    await observe('deleted')
    await owner.client.post(`${BASE}/${id}/restore`)
    await observe('restored')
    await owner.client.delete(`${BASE}/${id}`)
    await advance('31 days')
    await observe('erased')
    return found
  },

  'access tokens': async () => {
    const found: Observation[] = []
    const who = await scene.person()
    const observe = async (situation: string, token: string, expiresAt: number) => {
      const shown = expiresAt > scene.world.clock.now().getTime()
      found.push({ situation, shown, enforced: await scene.accepts(token) })
    }
    const { data } = await scene.world
      .client()
      .post(api('/auth/login'), { username: who.email, password: SCENE_PASSWORD, tokens: true })
    const { data: valid } = await scene.world
      .client()
      .get(api('/auth/validate'), { headers: { authorization: `Bearer ${data.access_token}` } })
    const expiresAt = Date.parse(valid.expires_at)
    await observe('issued', data.access_token, expiresAt)
    await advance(`${data.expires_in - 30} seconds`)
    await observe('in its last half minute', data.access_token, expiresAt)
    // clocks of two machines differ by up to five seconds
    await advance('36 seconds')
    await observe('expired', data.access_token, expiresAt)
    return found
  },

  'attempts': async () => {
    const found: Observation[] = []
    const situations: [string, (who: Person, attempt: string) => Promise<unknown>][] = [
      ['begun', async () => {}],
      ['in its last minute', () => advance('14 minutes')],
      ['expired', () => advance('16 minutes')],
      ['of an account that is disabled', ({ id }) => act(id, 'disable')],
      ['of an account that is locked', ({ id }) => act(id, 'lock')],
      ['of an account that is deleted', async ({ id }) => (await scene.root()).client.delete(api(`/users/${id}`))],
      ['continued', (_, attempt) => scene.world.client().post(api(`/auth/attempts/${attempt}/password`), { password: 'N3w-Tr0ub4d!or' })],
    ]
    const people = await Promise.all(situations.map(() => scene.person()))
    await advance('91 days')
    for (const [n, [situation, befall]] of situations.entries()) {
      const who = people[n] as Person
      const { body } = await scene.world
        .client()
        .post(api('/auth/login'), { username: who.email, password: SCENE_PASSWORD })
      const attempt: string = body.error.details.attempt
      await befall(who, attempt)
      const shown = isDone(await scene.world.client().get(api(`/auth/attempts/${attempt}`)))
      const enforced = await scene.world
        .client()
        .post(api(`/auth/attempts/${attempt}/password`), { password: 'An0ther-Tr0ub4d!or' })
      found.push({ situation, shown, enforced: isDone(enforced) })
    }
    return found
  },

  'lock-outs': async () => {
    const found: Observation[] = []
    const who = await scene.person()
    const guess = () => scene.world.client().post(api('/auth/login'), { username: who.email, password: 'wrong' })
    for (let left = 4; left >= 0; left--) {
      const { attempts_remaining, lockout_duration } = (await guess()).body.error.details
      // the right password would clear the counter: only the last answers are tried
      if (left > 0) continue
      found.push({ situation: 'after five guesses', shown: attempts_remaining > 0, enforced: await scene.signsIn(who) })
      await advance(`${lockout_duration - 30} seconds`)
      found.push({ situation: 'in the last half minute', shown: false, enforced: await scene.signsIn(who) })
      await advance('31 seconds')
      found.push({ situation: 'after the duration that was shown', shown: true, enforced: await scene.signsIn(who) })
    }
    return found
  },

  'changes of an address': async () => {
    const found: Observation[] = []
    const situations: [string, (who: Person) => Promise<unknown>][] = [
      ['requested', async () => {}],
      ['withdrawn', ({ client }) => client.delete(api('/users/me/email'))],
      ['whose account got another address', async ({ id }) => (await scene.root()).client.patch(api(`/users/${id}`), { email: `moved.${id}@example.com` })],
      ['of an account that is disabled', ({ id }) => act(id, 'disable')],
      ['expired', () => advance('25 hours')],
    ]
    for (const [n, [situation, befall]] of situations.entries()) {
      const who = await scene.person()
      const email = `changed${n}@example.com`
      await who.client.post(api('/users/me/email'), { email, password: SCENE_PASSWORD })
      const token = await scene.world.mailbox.tokenFor(email, /email-change\?/)
      await befall(who)
      const isUsable = await isShownActive(who).catch(() => false)
      let shown = false
      if (isUsable) {
        await who.client.signIn((await (await scene.root()).client.get(api(`/users/${who.id}`))).data.email, SCENE_PASSWORD)
        shown = (await who.client.get(api('/users/me/email'))).data.pending !== null
      }
      const enforced = isDone(await scene.world.client().post(api('/auth/email-change'), { token }))
      found.push({ situation, shown, enforced })
    }
    return found
  },

  'e-mails': async () => {
    const found: Observation[] = []
    // no server listens on the discard port
    const unsent = await startWorld({ smtpUrl: 'smtp://127.0.0.1:9?tls=off' })
    for (const [situation, world] of [['delivered', scene.world], ['refused by the mail server', unsent]] as const) {
      const email = 'mail.of.states@example.com'
      await world.client().post(api('/auth/register'), { email, password: SCENE_PASSWORD })
      await world.app.settle()
      const { body } = await world.client().get(`/dev/outbox.json?to=${email}`)
      const letters = await world.db.tx('system', (tx) => tx.selectFrom('letters').selectAll().orderBy('id', 'desc').limit(1).execute())
      const enforced = letters[0]?.sent_at != null
      found.push({ situation: `${situation}: in the outbox`, shown: body.length > 0, enforced })
      const fault = await findMailFault(world.db.hot, { profile: 'production', smtpUrl: 'smtp://mail.example.com' })
      found.push({ situation: `${situation}: by the doctor`, shown: fault === null, enforced })
    }
    await unsent.stop()
    return found
  },

  'signing keys': async () => {
    const found: Observation[] = []
    const { keys, clock } = scene.world.app.tools
    const observe = async (situation: string) => {
      const { keys: published } = (await scene.world.client().get('/.well-known/jwks.json')).body
      const who = await scene.person()
      const { access_token = '' } = await scene.session(who, { tokens: true })
      const { kid } = JSON.parse(Buffer.from(access_token.split('.')[0] ?? '', 'base64url').toString())
      for (const key of await keys.list(clock.now())) {
        const isPublished = lists(published, (one) => one.kid === key.kid)
        found.push({ situation: `${situation}: ${key.stage} is published`, shown: key.stage !== 'removed', enforced: isPublished })
        found.push({ situation: `${situation}: ${key.stage} signs`, shown: key.stage === 'active', enforced: key.kid === kid })
      }
    }
    await observe('at first')
    await keys.rotate(systemCall(clock.now()), { immediately: false })
    await observe('rotated')
    await advance('2 days')
    await observe('two days later')
    await advance('40 days')
    await observe('and forty')
    return found
  },
} // biome-ignore format: a table

it.each(Object.entries(STATES))(
  'the state that is shown is the state that is enforced: %s',
  async (_, observe) => expectAgreement(await observe()),
)
