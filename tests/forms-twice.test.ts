/**
 * Every form of the hosted pages, sent twice: by a double click, a password manager and a click, or a page that is
 * loaded again. The second time its aim is reached, which is no error, and nothing is done twice.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { beginStepUp } from '../packages/server/src/features/signin/steps/index.ts'
import { authorizedCode, authorizePath, follow, testApp } from '../packages/server/src/testing/apps.ts'
import { Authenticator, addPasskey, assertPasskey } from '../packages/server/src/testing/authenticator.ts'
import { codeOf, enrolAuthenticator } from '../packages/server/src/testing/authenticator-app.ts'
import type { Client, Reply } from '../packages/server/src/testing/client.ts'
import { beginOnDevice, ON_DEVICES } from '../packages/server/src/testing/devices.ts'
import { type Federated, goal, startFederated } from '../packages/server/src/testing/federation.ts'
import { type MetadataServer, startMetadataServer } from '../packages/server/src/testing/metadata-server.ts'
import { providerKey } from '../packages/server/src/testing/saml-provider.ts'
import { PASSWORD, startWorld, type World } from '../packages/server/src/testing/world.ts'
import { found, put } from './organizations/founding.ts'

let world: World
let metadata: MetadataServer
let classic: World
let fresh: World
let demanding: World
let federated: Federated
beforeAll(async () => {
  const mfaMethods = ['totp', 'passkey', 'backup_code', 'email_code'] as const
  metadata = await startMetadataServer()
  metadata.publish(providerKey(new Date('2030-06-01')).certificate)
  world = await startWorld({ rateLimits: 'off', mfaMethods, connectionHosts: [metadata.host] })
  classic = await startWorld({ rateLimits: 'off', passwordProfile: 'classic' })
  fresh = await startWorld({ rateLimits: 'off', emailVerification: 'off' })
  demanding = await startWorld({ rateLimits: 'off', mfa: 'required' })
  federated = await startFederated()
  await federated.connect('google')
})
afterAll(() => Promise.all([world, classic, fresh, demanding, federated, metadata].map((one) => one.stop())))

const OLD = 'Tr0ub4d!or-One'

const NEXT = 'another good long password'
// biome-ignore format: as a query
const POLICY = { mode: 'require_any', grace_days: '14', notify_days_before: '7, 1', session_absolute: '', profile: 'server', allow_totp: 'true', version: '0' }
const csrfOf = (text: string) => /name="csrf_token" value="([^"]+)"/.exec(text)?.[1] ?? ''
const hiddenOf = (text: string, name: string) =>
  new RegExp(`name="${name}" value="([^"]+)"`).exec(text)?.[1] ?? ''

interface Form {
  client: Client
  /** The page with the form. */
  at: string
  /** Where it is sent; absent: `at`. */
  to?: string
  fields: Record<string, string>
  /** Hidden fields that are taken from the page. */
  hidden?: readonly string[]
}
async function send({ client, at, to = at, fields, hidden = [] }: Form, times: 2 | 1 = 2): Promise<Reply[]> {
  const page = await client.get(at)
  expect(page.status, at).toBe(200)
  client.csrfToken = null
  const taken = Object.fromEntries(hidden.map((name) => [name, hiddenOf(page.text, name)]))
  const body = { csrf_token: csrfOf(page.text), ...taken, ...fields }
  const replies: Reply[] = []
  for (let n = 0; n < times; n++)
    replies.push(await client.post(to.split('?')[0] ?? '', body, { form: true }))
  return replies
}

const stranger = async (
  at: string,
  fields: Record<string, string>,
  of = world,
  to?: string,
): Promise<Form> => ({
  client: of.client(),
  at,
  ...(to !== undefined && { to }),
  fields,
})
/** A browser that waits for the code of a person. */
async function askedForCode() {
  const { email } = await world.person({ signIn: false })
  const form = await stranger('/sign-in/email', { email }, world, '/sign-in/email/code')
  await send(form, 1)
  return { client: form.client, email }
}
const PASSWORD_CHANGE = { current_password: PASSWORD, new_password: NEXT, new_password_confirm: NEXT }

const own =
  (at: string, fields: Record<string, string> = {}, more: Partial<Form> = {}) =>
  async (): Promise<Form> => ({ client: (await world.person()).client, at, fields, ...more })

/** An owner, a member and an invited person of one organization. */
async function organization() {
  const [owner, member, invited] = [await world.person(), await world.person(), await world.person()]
  const id = await found(owner)
  await put(world, id, member, 'member')
  const { data } = await owner.client.post(`/api/v1/organizations/${id}/invitations`, {
    email: invited.email,
    role: 'member',
  })
  return { owner, member, invited, base: `/account/organizations/${id}`, invitation: String(data.id) }
}
type Founded = Awaited<ReturnType<typeof organization>>
/** A form of a domain of the organization. */
async function domainForm({ owner, base }: Founded, part: string, fields = {}): Promise<Form> {
  const path = base.replace('/account', '/api/v1')
  const { data } = await owner.client.post(`${path}/domains`, { domain: 'twice.example.com' })
  const at = `${base}/domains/${data.id}`
  return { client: owner.client, at: part === '/remove' ? `${at}/remove` : at, to: `${at}${part}`, fields }
}
/** A form of a connection of the organization. */
async function connectionForm({ owner, base }: Founded, part: string, fields = {}): Promise<Form> {
  const path = base.replace('/account', '/api/v1')
  const client = { client_id: 'twice', settings: { issuer: 'https://login.example.com' } }
  const { data } = await owner.client.post(`${path}/connections`, { provider: 'oidc', ...client })
  const at = `${base}/connections/${data.id}`
  return { client: owner.client, at: part === '/delete' ? `${at}/delete` : at, to: `${at}${part}`, fields }
}
/** The form that revokes a set-up link of the organization. */
async function setupLinkForm({ owner, base }: Founded): Promise<Form> {
  const at = `${base}/connections/setup-links`
  const { data } = await owner.client.post(at.replace('/account', '/api/v1'), {})
  return { client: owner.client, at, to: `${at}/${data.id}/revoke`, fields: {} }
}
/** A form of a SAML connection of the organization. */
async function samlForm(
  { owner, base }: Founded,
  part: string,
  to: string,
  hidden: string[] = [],
): Promise<Form> {
  const path = base.replace('/account', '/api/v1')
  const [known, pending] = [providerKey(world.clock.now()), providerKey(world.clock.now())]
  const saml = {
    metadata_url: metadata.url,
    entity_id: metadata.entityId,
    certificates: [known.certificate],
    pending_certificates: [pending.certificate],
  }
  const { data } = await owner.client.post(`${path}/connections`, { provider: 'saml', settings: { saml } })
  const at = `${base}/connections/${data.id}`
  return { client: owner.client, at: `${at}${part}`, to: `${at}${part}${to}`, fields: {}, hidden }
}
const within = (make: (all: Founded) => Promise<Form> | Form) => async () => make(await organization())
const invitationOf = async ({ invited, invitation }: Founded) => {
  const token = await world.mailbox.tokenFor(invited.email, /\/invitations\//)
  return { client: invited.client, at: `/invitations/${invitation}?token=${token}`, fields: { token } }
}

/** A form of a set-up page, by a new link. */
const setup =
  (part: string, fields: Record<string, string>, intent = 'both') =>
  async (): Promise<Form> => {
    const owner = await federated.world.person()
    const id = await found(owner)
    const { data } = await owner.client.post(`/api/v1/organizations/${id}/connections/setup-links`, {
      intent,
    })
    return { client: federated.world.client(), at: `${new URL(data.url).pathname}${part}`, fields }
  }

async function registered(at: string, fields: Record<string, string>): Promise<Form> {
  const email = `registered${Date.now()}@example.com`
  await world.client().post('/api/v1/auth/register', { email, password: PASSWORD })
  const token = await world.mailbox.tokenFor(email, /verify-email/)
  return stranger(`${at}?token=${token}`, { token, ...fields })
}
/** A user whose change of address waits for its link to be followed. */
async function moving() {
  const { client, email, id } = await world.person()
  const next = `moving.${id}@example.com`
  await client.post('/api/v1/users/me/email', { email: next, password: PASSWORD })
  return { client, email, token: await world.mailbox.tokenFor(next, /email-change\?/) }
}
const keyed = (action: string, fields: Record<string, string>) => async (): Promise<Form> => {
  const { client } = await world.person()
  const { data } = await client.post('/api/v1/auth/api-keys', { name: 'k', permissions: ['*'] })
  const at = `/account/api-keys/${data.key_id}`
  return { client, at, to: `${at}/${action}`, fields }
}
const withRole = (action: string, fields: Record<string, string>) =>
  within(async ({ owner, base }) => {
    const at = `${base}/roles`
    await send({ client: owner.client, at, fields: { name: 'reviewer', inherits: 'guest' } }, 1)
    return { client: owner.client, at: `${at}/reviewer`, to: `${at}/reviewer${action}`, fields }
  })

/** The form of a first sign-in at a provider: of a new account, or of the account of a person. */
async function firstExternal(client: Client, fields: Record<string, string>, page?: string): Promise<Form> {
  federated.atGoogle({ email_verified: false })
  const at = goal(await federated.signIn(client, 'google')) ?? ''
  const trip = at.split('=')[1] ?? ''
  return { client, at: page ? `${page}?trip=${trip}` : at, fields: { trip, ...fields } }
}

/** A user with a passkey, and their authenticator. */
async function passkeyHolder() {
  const person = await world.person()
  const authenticator = new Authenticator()
  return { ...person, authenticator, ...(await addPasskey(person.client, authenticator)) }
}
const ofPasskey = (action: string, fields: Record<string, string>, at: string) => async (): Promise<Form> => {
  const { client, id } = await passkeyHolder()
  const list = '/account/security/passkeys'
  return { client, at: at.replace(':id', id), to: `${list}/${id}/${action}`, fields }
}
const TOTP = '/account/security/totp'
/** The fields of the form of a new authenticator app, with its first code. */
const firstCode = (of: World, page: Reply | undefined) => {
  const secret = /<code id="secret">([A-Z2-7 ]+)</.exec(page?.text ?? '')?.[1] ?? ''
  return { setup: hiddenOf(page?.text ?? '', 'setup'), code: codeOf(of, secret.replaceAll(' ', '')) }
}

/** A browser that its user has remembered, signed in. */
async function rememberedBrowser() {
  const { client: own, email } = await world.person()
  const app = await enrolAuthenticator(world, own)
  const client = world.client()
  const { body } = await client.post('/api/v1/auth/login', { email, password: PASSWORD })
  const { attempt } = body.error.details
  const proof = { attempt, method: 'totp', code: await app.next(), remember_device: true }
  const { data } = await client.post('/api/v1/auth/mfa/verify', proof)
  client.csrfToken = data.session.csrf_token
  const [device] = (await client.get('/api/v1/auth/devices')).data
  return { client, id: device.id }
}

/** A person who has connected an account at a provider. */
async function connected() {
  const { client } = await federated.world.person()
  federated.atGoogle()
  const { data } = await client.post('/api/v1/auth/external/google/link', {})
  await federated.answer(client, await federated.fakes.authorize(data.authorization_url))
  const [account] = (await client.get('/api/v1/auth/external/linked-accounts')).data
  return { client, id: account.id as string }
}

// biome-ignore format: a table
const FORMS: Record<string, () => Promise<Form>> = {
  '/account/connected/confirm': async () =>
    firstExternal((await federated.world.person()).client, {}, '/account/connected/confirm'),
  '/account/connected/:id/disconnect': async () => {
    const { client, id } = await connected()
    return { client, at: `/account/connected/${id}/disconnect`, fields: {} }
  },
  '/account/applications/:id/remove': async () => {
    const { client } = await world.person()
    await authorizedCode(client, await testApp(world))
    const [{ id }] = (await client.get('/api/v1/auth/applications')).data
    return { client, at: `/account/applications/${id}/remove`, fields: {} }
  },
  '/sign-in/connect': () => firstExternal(federated.world.client(), { email: 'first@example.com' }),
  '/sign-in/confirm': async () => {
    const { world: at } = federated
    const organizationId = await at.organization({ members: [[await at.person(), 'owner']] })
    await federated.prove(organizationId, 'confirmed.example')
    const { slug } = await federated.connect('google', { organizationId })
    federated.atGoogle({ email: 'new@confirmed.example', hd: 'confirmed.example' })
    const { client } = await at.person()
    const page = goal(await federated.signIn(client, slug)) ?? ''
    return { client, at: page, fields: { trip: page.split('=')[1] ?? '' } }
  },
  '/sign-in': async () => {
    const { email } = await world.person({ signIn: false })
    return stranger('/sign-in?return_to=/account/security', { identifier: email.toUpperCase(), password: PASSWORD, return_to: '/account/security' })
  },
  '/sign-in/identifier': () => stranger('/sign-in', { identifier: 'twice@example.com' }, world, '/sign-in/identifier'),
  '/sign-out': own('/sign-out'),
  '/consent': async () => {
    const { client } = await world.person()
    const { at } = await follow(client, authorizePath(await testApp(world)))
    return { client, at, fields: { decision: 'allow' }, hidden: ['client_id', 'request_uri', 'shown'] }
  },
  '/oidc/device': own('/oidc/device', { user_code: 'wdjb mjht' }),
  '/oidc/device/question': async () => {
    const { client } = await world.person()
    const { user_code } = await beginOnDevice(await testApp(world, ON_DEVICES))
    const at = `/oidc/device/question?user_code=${user_code}`
    return { client, at, fields: { decision: 'allow' }, hidden: ['user_code', 'shown'] }
  },
  '/oidc/logout/decision': own('/oidc/logout', {}, { to: '/oidc/logout/decision', hidden: ['logout_request'] }),
  '/sign-up': () => stranger('/sign-up', { email: 'twice@example.com', password: PASSWORD, password_confirm: PASSWORD }),
  '/forgot-password': () => stranger('/forgot-password', { email: 'twice@example.com' }),
  '/verify-email': async () => registered('/verify-email', {}),
  '/verify-email/resend': async () => ({ ...(await registered('/verify-email', { email: 'again@example.com' })), to: '/verify-email/resend' }),
  '/reset-password': async () => {
    const { email } = await world.person({ signIn: false })
    await world.client().post('/api/v1/auth/password/forgot', { email })
    const token = await world.mailbox.tokenFor(email, /reset-password/)
    return stranger(`/reset-password?token=${token}`, { token, password: NEXT, password_confirm: NEXT })
  },
  '/sign-in/email/code': () => stranger('/sign-in/email', { email: 'twice@example.com' }, world, '/sign-in/email/code'),
  '/sign-in/email/link': () => stranger('/sign-in/email', { email: 'twice@example.com' }, world, '/sign-in/email/link'),
  '/sign-in/code': async () => {
    const { client, email } = await askedForCode()
    const { text } = await world.mailbox.emailTo(email, /code/)
    return { client, at: '/sign-in/code', fields: { code: /^\d{6}$/m.exec(text)?.[0] ?? '' }, hidden: ['attempt'] }
  },
  '/sign-in/code/send': async () => ({ client: (await askedForCode()).client, at: '/sign-in/code', to: '/sign-in/code/send', fields: {}, hidden: ['attempt'] }),
  '/sign-in/link': async () => {
    const { email } = await world.person({ signIn: false })
    const form = await stranger('/sign-in/email', { email }, world, '/sign-in/email/link')
    await send(form, 1)
    const token = await world.mailbox.tokenFor(email, /sign-in\/link/)
    return { client: form.client, at: `/sign-in/link?token=${token}`, fields: { token } }
  },
  '/sign-in/new-password': async () => {
    const { email } = await classic.person({ password: OLD, signIn: false })
    await classic.clock.advance('91 days')
    const form = await stranger('/sign-in', { identifier: email, password: OLD }, classic)
    await send(form, 1)
    return { ...form, at: '/sign-in/new-password', fields: { password: 'An0ther!Long-One', password_confirm: 'An0ther!Long-One' }, hidden: ['attempt'] }
  },
  '/setup/connection/:token/provider': setup('/provider', { choice: 'oidc' }),
  '/setup/connection/:token/settings': async () => {
    const { settings, clientId, secret } = federated.fakes.provider('oidc')
    const form = await setup('/provider', { choice: 'oidc' })()
    await send(form, 1)
    const fields = { issuer: settings.issuer ?? '', client_id: clientId, client_secret: secret }
    return { client: form.client, at: form.at.replace('/provider', '/settings'), fields }
  },
  '/setup/connection/:token/domain': setup('/domain', { domain: 'setup.example.com' }),
  '/setup/connection/:token/domain/check': async () => {
    const form = await setup('/domain', { domain: 'checked.example.com' })()
    await send(form, 1)
    return { client: form.client, at: form.at, to: `${form.at}/check`, fields: {}, hidden: ['domain_id'] }
  },
  '/setup/connection/:token/domain/remove': async () => {
    const form = await setup('/domain', { domain: 'removed.example.com' })()
    await send(form, 1)
    return { client: form.client, at: form.at, to: `${form.at}/remove`, fields: {}, hidden: ['domain_id'] }
  },
  '/setup/connection/:token/complete': async () => {
    const form = await setup('/domain', { domain: 'complete.example.com' }, 'domain')()
    await send(form, 1)
    const at = form.at.replace('/domain', '')
    return { client: form.client, at, to: `${at}/complete`, fields: {} }
  },
  '/setup/:token': async () => {
    const link = await fresh.app.setupLink()
    return stranger(new URL(link ?? '').pathname, { email: 'first@example.com', password: PASSWORD, password_confirm: PASSWORD }, fresh)
  },
  '/account/sessions/:id/end': async () => {
    const { client, email } = await world.person()
    const { data } = await world.client().signIn(email, PASSWORD)
    return { client, at: '/account/sessions', to: `/account/sessions/${data.session.id}/end`, fields: {} }
  },
  '/account/api-keys/:id/rotate': keyed('rotate', { grace: '0' }),
  '/account/api-keys/:id/revoke': keyed('revoke', {}),
  '/account/organizations/:id/restore': within(async ({ owner, base }) => {
    await send({ client: owner.client, at: `${base}/delete`, fields: {} }, 1)
    return { client: owner.client, at: '/account/organizations', to: `${base}/restore`, fields: {} }
  }),
  '/account/organizations/:id/invitations/:invitation_id/resend': within(async ({ owner, base, invitation }) => {
    await world.clock.advance('2 hours')
    await owner.client.signIn(owner.email, PASSWORD)
    return { client: owner.client, at: `${base}/invitations`, to: `${base}/invitations/${invitation}/resend`, fields: {} }
  }),
  '/account/organizations/:id/roles/:name': withRole('', { description: 'Reviews', inherits: 'guest' }),
  '/account/organizations/:id/roles/:name/delete': withRole('/delete', {}),
  '/sign-in/passkey': async () => {
    const { authenticator } = await passkeyHolder()
    const client = world.client()
    return { client, at: '/sign-in', to: '/sign-in/passkey', fields: { credential: JSON.stringify(await assertPasskey(client, authenticator)) } }
  },
  '/account/security/passkeys/new': async () => {
    const { client } = await world.person()
    const { options } = (await client.post('/api/v1/auth/passkeys/register/begin')).data
    const credential = new Authenticator().create(options, { origin: world.config.publicUrl })
    return { client, at: '/account/security/passkeys/new', fields: { credential: JSON.stringify(credential) } }
  },
  '/account/security/passkeys/:id/rename': ofPasskey('rename', { name: 'Phone' }, '/account/security/passkeys/:id/rename'),
  '/account/security/passkeys/:id/remove': ofPasskey('remove', {}, '/account/security/passkeys/:id/remove'),
  '/step-up': async () => {
    const { client } = await world.person()
    await client.get('/step-up?return_to=%2Faccount%2Fapi-keys')
    return { client, at: '/step-up', fields: { password: PASSWORD }, hidden: ['attempt', 'method'] }
  },
  '/step-up/enrol': async () => {
    const { client, id: userId } = await world.person()
    const { data } = await client.get('/api/v1/auth/sessions')
    const { id } = data.find(({ current }: { current: boolean }) => current)
    const call = { now: world.clock.now(), principal: { userId }, session: { id, proofs: [] } }
    const demand = { mode: 'require_any', accepts: ['totp'], dueAt: null, organizationId: null } as const
    const options = { returnTo: '/account', step: 'enrol' } as const
    const { token } = await beginStepUp(world.app.tools, call as never, { demand }, options)
    client.cookies.set('lk_step_up', token)
    const at = '/step-up/enrol?method=totp'
    return { client, at, fields: firstCode(world, await client.get(at)), hidden: ['attempt', 'method'] }
  },
  '/account': own('/account', { full_name: 'Ada' }),
  '/account/security/password': own('/account/security/password', PASSWORD_CHANGE),
  '/account/security': own('/account/security/password', PASSWORD_CHANGE, { to: '/account/security' }),
  '/account/security/totp': own('/account/security/totp', { name: 'Phone' }),
  '/account/security/totp/confirm': async () => {
    const { client } = await world.person()
    const [begun] = await send({ client, at: TOTP, fields: {} }, 1)
    return { client, at: TOTP, to: `${TOTP}/confirm`, fields: firstCode(world, begun) }
  },
  '/account/security/totp/:id/rename': async () => {
    const { client } = await world.person()
    const { factorId } = await enrolAuthenticator(world, client)
    return { client, at: `${TOTP}/${factorId}/rename`, fields: { name: 'Phone' } }
  },
  '/account/security/totp/:id/remove': async () => {
    const { client } = await world.person()
    const { factorId } = await enrolAuthenticator(world, client)
    return { client, at: `${TOTP}/${factorId}/remove`, fields: {} }
  },
  '/account/security/devices/:id/forget': async () => {
    const { client, id } = await rememberedBrowser()
    return { client, at: '/account/security', to: `/account/security/devices/${id}/forget`, fields: {} }
  },
  '/account/security/devices/forget-all': async () => {
    const { client } = await rememberedBrowser()
    return { client, at: '/account/security', to: '/account/security/devices/forget-all', fields: {} }
  },
  '/account/security/email-code': own('/account/security', {}, { to: '/account/security/email-code' }),
  '/account/security/email-code/remove': async () => {
    const { client } = await world.person()
    await client.post('/api/v1/auth/mfa/email')
    return { client, at: '/account/security', to: '/account/security/email-code/remove', fields: {} }
  },
  '/account/security/backup-codes': async () => {
    const { client } = await world.person()
    await enrolAuthenticator(world, client)
    return { client, at: '/account/security/backup-codes', fields: {} }
  },
  '/second-factor': async () => {
    const { client: own, email } = await world.person()
    const app = await enrolAuthenticator(world, own)
    const form = await stranger('/sign-in', { identifier: email, password: PASSWORD })
    await send(form, 1)
    return { ...form, at: '/second-factor', fields: { code: await app.next() }, hidden: ['attempt', 'method'] }
  },
  '/second-factor/enrol': async () => {
    const [person] = await demanding.people([{ signIn: false }])
    const form = await stranger('/sign-in', { identifier: person?.email ?? '', password: PASSWORD }, demanding)
    await send(form, 1)
    const at = '/second-factor/enrol?method=totp'
    const fields = firstCode(demanding, await form.client.get(at))
    return { ...form, at, fields, hidden: ['attempt', 'method'] }
  },
  '/account/email': own('/account/email', { email: 'twice.moved@example.com', password: PASSWORD }),
  '/account/email/cancel': async () => {
    const { client } = await moving()
    return { client, at: '/account/email', to: '/account/email/cancel', fields: {} }
  },
  '/email-change': async () => {
    const { token } = await moving()
    return stranger(`/email-change?token=${token}`, { token })
  },
  '/email-change/undo': async () => {
    const { email, token } = await moving()
    await world.client().post('/api/v1/auth/email-change', { token })
    const back = await world.mailbox.tokenFor(email, /email-change\/undo/)
    return stranger(`/email-change/undo?token=${back}`, { token: back })
  },
  '/unlock': async () => {
    const { email } = await world.person({ signIn: false })
    for (let i = 0; i < 5; i++)
      await world.client().post('/api/v1/auth/login', { email, password: 'a wrong one of several words' })
    const token = await world.mailbox.tokenFor(email, /\/unlock/)
    return stranger(`/unlock?token=${token}`, { token })
  },
  '/not-me': async () => {
    const { email } = await world.person()
    await world.client().signIn(email, PASSWORD)
    const token = await world.mailbox.tokenFor(email, /\/not-me/)
    return stranger(`/not-me?token=${token}`, { token })
  },
  '/account/delete': own('/account/delete', { password: PASSWORD }, { hidden: ['account'] }),
  '/account/api-keys': own('/account/api-keys', { name: 'k', environment: 'live', expires_in: '30d', access: 'all' }, { hidden: ['key_id'] }),
  '/account/organizations': own('/account/organizations', { name: 'Engines' }),
  '/account/organizations/start': own('/account/organizations/start', { name: 'Twice at the start' }),
  '/account/sessions/end-others': own('/account/sessions', {}, { to: '/account/sessions/end-others' }),
  '/account/active-organization': within(({ owner, base }) => ({ client: owner.client, at: '/account/organizations', to: '/account/active-organization', fields: { organization_id: base.split('/')[3] ?? '' } })),
  '/account/organizations/:id/settings': within(({ owner, base }) => ({ client: owner.client, at: `${base}/settings`, fields: { name: 'Renamed', slug: `renamed-${Date.now()}` } })),
  '/account/organizations/:id/delete': within(({ owner, base }) => ({ client: owner.client, at: `${base}/delete`, fields: {} })),
  '/account/organizations/:id/leave': within(({ member, base }) => ({ client: member.client, at: `${base}/leave`, fields: {} })),
  '/account/organizations/:id/members/:user_id/role': within(({ owner, member, base }) => ({ client: owner.client, at: `${base}/members/${member.id}`, to: `${base}/members/${member.id}/role`, fields: { role: 'admin' } })),
  '/account/organizations/:id/members/:user_id/mfa': within(({ owner, member, base }) => ({ client: owner.client, at: `${base}/members/${member.id}`, to: `${base}/members/${member.id}/mfa`, fields: { mfa: 'exempt' } })),
  '/account/organizations/:id/security': within(({ owner, base }) => ({ client: owner.client, at: `${base}/security`, fields: POLICY })),
  '/account/organizations/:id/security/review': within(({ owner, base }) => ({ client: owner.client, at: `${base}/security`, to: `${base}/security/review`, fields: POLICY })),
  '/account/organizations/:id/connections': within(({ owner, base }) => ({ client: owner.client, at: `${base}/connections`, fields: { provider: 'oidc', after: 'con_' } })),
  '/account/organizations/:id/connections/:connection_id': within((all) => connectionForm(all, '', { version: '1', name: 'Twice', client_id: 'twice', client_secret: 'a-secret', issuer: 'https://login.example.com', registers: 'true' })),
  '/account/organizations/:id/connections/:connection_id/enable': within((all) => connectionForm(all, '/enable')),
  '/account/organizations/:id/connections/:connection_id/disable': within((all) => connectionForm(all, '/disable')),
  '/account/organizations/:id/connections/:connection_id/metadata': within((all) => samlForm(all, '', '/metadata')),
  '/account/organizations/:id/connections/:connection_id/certificates': within((all) => samlForm(all, '/certificates', '', ['fingerprints'])),
  '/account/organizations/:id/connections/:connection_id/keys': within((all) => samlForm(all, '/keys', '', ['step'])),
  '/account/organizations/:id/connections/:connection_id/delete': within((all) => connectionForm(all, '/delete')),
  '/account/organizations/:id/connections/setup-links': within(({ owner, base }) => ({ client: owner.client, at: `${base}/connections/setup-links`, fields: { intent: 'both', expires_in: '7d' }, hidden: ['link_id'] })),
  '/account/organizations/:id/connections/setup-links/:link_id/revoke': within(setupLinkForm),
  '/account/organizations/:id/domains': within(({ owner, base }) => ({ client: owner.client, at: `${base}/domains`, fields: { domain: 'twice.example.com' } })),
  '/account/organizations/:id/domains/:domain_id': within((all) => domainForm(all, '', { connection_id: '' })),
  '/account/organizations/:id/domains/:domain_id/verify': within((all) => domainForm(all, '/verify')),
  '/account/organizations/:id/domains/:domain_id/remove': within((all) => domainForm(all, '/remove')),
  '/account/organizations/:id/members/:user_id/remove': within(({ owner, member, base }) => ({ client: owner.client, at: `${base}/members/${member.id}`, to: `${base}/members/${member.id}/remove`, fields: {} })),
  '/account/organizations/:id/members/:user_id/transfer': within(({ owner, member, base }) => ({ client: owner.client, at: `${base}/members/${member.id}/transfer`, fields: {} })),
  '/account/organizations/:id/invitations': within(({ owner, base }) => ({ client: owner.client, at: `${base}/invitations`, fields: { email: 'new@example.com', role: 'member' } })),
  '/account/organizations/:id/invitations/:invitation_id/revoke': within(({ owner, base, invitation }) => ({ client: owner.client, at: `${base}/invitations`, to: `${base}/invitations/${invitation}/revoke`, fields: {} })),
  '/account/organizations/:id/roles': within(({ owner, base }) => ({ client: owner.client, at: `${base}/roles`, fields: { name: 'reviewer', inherits: 'guest' } })),
  '/invitations/:id/accept': within(async (all) => { const form = await invitationOf(all); return { ...form, to: `/invitations/${all.invitation}/accept` } }),
  '/invitations/:id/decline': within(async (all) => { const form = await invitationOf(all); return { ...form, to: `/invitations/${all.invitation}/decline` } }),
  '/account/invitations/:id/accept': within(({ invited, invitation }) => ({ client: invited.client, at: '/account/organizations', to: `/account/invitations/${invitation}/accept`, fields: {} })),
  '/account/invitations/:id/decline': within(({ invited, invitation }) => ({ client: invited.client, at: '/account/organizations', to: `/account/invitations/${invitation}/decline`, fields: {} })),
}

describe('a form that is sent twice', () => {
  it('is every form of the route table', () => {
    const sent = world.app.rows.filter(
      ({ kind, method, crossSite }) => kind === 'page' && method === 'POST' && crossSite === undefined,
    )
    const paths = sent.map(({ path }) => path).filter((path) => !path.startsWith('/dev/'))
    expect(Object.keys(FORMS).sort()).toEqual([...new Set(paths)].sort())
  })

  it.each(Object.keys(FORMS))('at %s', async (path) => {
    const form = await FORMS[path]?.()
    if (!form) throw new Error(path)
    const replies = await send(form)
    const [first, second] = replies.map(({ status, headers, text }) => [
      status,
      headers.get('location'),
      status >= 400 ? text.replace(/<[^>]*>|\s+/g, ' ').slice(-700) : '',
    ])
    expect([first?.[0], second?.[0], second?.[2]].join(), JSON.stringify([first, second])).toMatch(
      /^(200|303),(200|303),$/,
    )
  })
})

describe('what is done', () => {
  it('is one key, also for many forms at once; the key page is safe to load again', async () => {
    const { client } = await world.person()
    const page = await client.get('/account/api-keys')
    client.csrfToken = null
    const fields = { name: 'once', environment: 'live', expires_in: '30d', access: 'all' }
    const body = { csrf_token: csrfOf(page.text), key_id: hiddenOf(page.text, 'key_id'), ...fields }
    const replies = await Promise.all(
      Array.from({ length: 8 }, () => client.post('/account/api-keys', body, { form: true })),
    )
    expect(replies.map(({ status }) => status).sort()).toEqual([200, ...Array(7).fill(303)])
    const { data } = await client.get('/api/v1/auth/api-keys')
    expect(data).toHaveLength(1)
    expect(new Set(replies.map(({ headers }) => headers.get('location')))).toEqual(
      new Set([null, `/account/api-keys/${data[0].key_id}`]),
    )
    // an id that another user's key has makes no key, and shows nothing of it
    const other = (await world.person()).client
    const theirs = await other.get('/account/api-keys')
    other.csrfToken = null
    const taken = { ...body, csrf_token: csrfOf(theirs.text) }
    expect((await other.post('/account/api-keys', taken, { form: true })).status).toBe(409)
  })

  it('is nothing where a signed-in user sends the sign-in form of another account, or without its token', async () => {
    const { client, email } = await world.person()
    const other = await world.person({ signIn: false })
    client.csrfToken = null
    const sent = (identifier: string) =>
      client.post('/sign-in', { csrf_token: 'x', identifier, password: PASSWORD }, { form: true })
    const before = await world.events()
    expect((await sent(other.email)).status).toBe(403)
    expect((await sent(email)).headers.get('location')).toBe('/account')
    expect(await world.events()).toEqual(before)
    const foreign = await client.post(
      '/sign-in',
      { identifier: email, password: PASSWORD },
      { form: true, headers: { origin: 'https://evil.example' } },
    )
    expect(foreign.status).toBe(403)
  })

  it('is one reset, and a used link with another password is refused', async () => {
    const { email } = await world.person({ signIn: false })
    await world.client().post('/api/v1/auth/password/forgot', { email })
    const token = await world.mailbox.tokenFor(email, /reset-password/)
    const form = await stranger(`/reset-password?token=${token}`, {
      token,
      password: NEXT,
      password_confirm: NEXT,
    })
    const page = await form.client.get(form.at)
    const post = (password: string) =>
      form.client.post(
        '/reset-password',
        { csrf_token: csrfOf(page.text), token, password, password_confirm: password },
        { form: true },
      )
    expect((await post(NEXT)).status).toBe(303)
    expect((await post(`${NEXT} more`)).status).toBe(401)
    expect((await post(NEXT)).headers.get('location')).toBe('/sign-in?notice=password_reset')
  })
})
