/**
 * Every example request of the OpenAPI document is sent to a server, as documented but for ids and tokens, which are
 * replaced by those of objects that the test makes. The answer has a documented status, and both it and the example
 * answer match the schema. A new row is covered without being named here, unless it needs an object.
 */
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isDescribed } from '../packages/server/src/base/http/row/route.ts'
import { readCertificate } from '../packages/server/src/base/x509.ts'
import { authorizedCode, CALLBACK, testApp, VERIFIER } from '../packages/server/src/testing/apps.ts'
import { Authenticator, addPasskey, assertPasskey } from '../packages/server/src/testing/authenticator.ts'
import { codeOf, enrolAuthenticator } from '../packages/server/src/testing/authenticator-app.ts'
import type { Client, Json, Reply } from '../packages/server/src/testing/client.ts'
import { ON_DEVICES } from '../packages/server/src/testing/devices.ts'
import { type Federated, startFederated } from '../packages/server/src/testing/federation.ts'
import { type MetadataServer, startMetadataServer } from '../packages/server/src/testing/metadata-server.ts'
import { providerKey } from '../packages/server/src/testing/saml-provider.ts'
import { PASSWORD, type Person, type World } from '../packages/server/src/testing/world.ts'

let federated: Federated
let world: World
let metadata: MetadataServer
let document: Json
let ajv: Ajv2020
/** A server on which nothing has been sent yet. */
async function begin(): Promise<void> {
  federated = await startFederated({
    connectionHosts: [metadata.host],
    clientRegistration: 'open',
    compat: ['tokens-by-password'],
    rateLimits: 'off',
    mfaMethods: ['totp', 'passkey', 'backup_code', 'email_code'],
    passwordProfile: 'custom',
    passwordClasses: [],
    passwordMaxAge: 90 * 86_400_000,
  })
  world = federated.world
  // the provider of the examples
  await federated.connect('google', { name: 'Google' })
  // the user of the examples
  await world.person({ email: 'ada@example.com' })
  document = (await world.client().get('/api/openapi.json')).body
  ajv = new Ajv2020({ strict: false })
  addFormats.default(ajv)
  ajv.addSchema({ $id: 'components', components: { schemas: document.components.schemas } })
}
beforeAll(async () => {
  metadata = await startMetadataServer()
  metadata.publish(providerKey(new Date('2030-06-01')).certificate)
  await begin()
})
afterAll(() => Promise.all([federated.stop(), metadata.stop()]))

const compiled = (schema: Json): ValidateFunction =>
  ajv.compile(JSON.parse(JSON.stringify(schema).replaceAll('"#/components', '"components#/components')))

/** The caller, and what replaces the placeholders of the example: path parameters and members of the body. */
interface State {
  client: Client
  path?: Record<string, string>
  body?: Record<string, unknown>
}

/** A super administrator who has just signed in, and owns an organization. */
async function owner(): Promise<Person & { organization: string }> {
  const [ada] = await world.people([{ roles: ['super_admin'] }])
  if (!ada) throw new Error('no user was created')
  const { data } = await ada.client.post('/api/v1/organizations', { name: 'Engines' })
  return { ...ada, organization: data.id }
}
const someone = async (): Promise<Person> => {
  const [person] = await world.people(1)
  if (!person) throw new Error('no user was created')
  return person
}

let addresses = 0
/** A user who has requested a change of address. */
async function addressChange(): Promise<Person & { address: string }> {
  const person = await someone()
  const address = `new${++addresses}@example.com`
  await person.client.post('/api/v1/users/me/email', { email: address, password: person.password })
  return { ...person, address }
}

async function invitation() {
  const [ada, ben] = [await owner(), await someone()]
  const path = `/api/v1/organizations/${ada.organization}/invitations`
  const { data } = await ada.client.post(path, { email: ben.email })
  return { ada, ben, id: String(data.id), token: await world.mailbox.tokenFor(ben.email, /invitations/) }
}
async function withDomain(): Promise<State> {
  const { client, organization: id } = await owner()
  const { data } = await client.post(`/api/v1/organizations/${id}/domains`, { domain: 'example.org' })
  return { client, path: { id, domain_id: data.id } }
}
async function membership() {
  const [ada, ben] = [await owner(), await someone()]
  await ada.client.post(`/api/v1/organizations/${ada.organization}/members`, { user_id: ben.id })
  return { ada, ben, id: ada.organization }
}
/** A sign-in that waits for a new password. */
async function attempt(): Promise<string> {
  const { id, email } = await someone()
  await world.db.tx('system', (tx) =>
    tx
      .updateTable('passwords')
      .set({ changed_at: new Date('2029-01-01') })
      .where('user_id', '=', id)
      .execute(),
  )
  const { body } = await world.client().post('/api/v1/auth/login', { username: email, password: PASSWORD })
  return body.error.details.attempt
}
/** A user with an authenticator app, and a sign-in that waits for its code. */
async function enrolled() {
  const person = await someone()
  const app = await enrolAuthenticator(world, person.client)
  const login = { username: person.email, password: PASSWORD }
  const { body } = await world.client().post('/api/v1/auth/login', login)
  return { ...person, app, attempt: String(body.error.details.attempt) }
}
/** A sign-in that waits for an authenticator app to be set up; `begun`: its secret was shown. */
async function enrollingApp(begun: boolean): Promise<State> {
  const [client, attempt] = [world.client(), await enrolling()]
  if (!begun) return { client, path: { attempt } }
  const { data } = await client.post(`/api/v1/auth/attempts/${attempt}/mfa/enable`, { method: 'totp' })
  return { client, path: { attempt }, body: { code: codeOf(world, data.secret), factor_id: data.factor_id } }
}
async function withRole(): Promise<State> {
  const { client } = await owner()
  await client.post('/api/v1/roles', { name: 'editor' })
  return { client }
}
async function withPasskey(): Promise<State> {
  const { client } = await someone()
  return { client, path: { id: (await addPasskey(client, new Authenticator())).id } }
}
/** A person who has connected the account of the next user at Google. */
async function connected() {
  const person = await someone()
  federated.atGoogle()
  const { data } = await person.client.post('/api/v1/auth/external/google/link', {})
  const callback = await federated.fakes.authorize(data.authorization_url)
  await federated.answer(person.client, callback)
  const [account] = (await person.client.get('/api/v1/auth/external/linked-accounts')).data
  return { ...person, identity: String(account.id) }
}
/** A person who has signed in to an app. */
async function signedInToApp() {
  const person = await someone()
  await authorizedCode(person.client, await testApp(world))
  const [access] = (await person.client.get('/api/v1/auth/applications')).data
  return { ...person, grant: String(access.id) }
}
/** What an authenticator answers to the options of the route. */
async function createPasskey(client: Client, at: string): Promise<object> {
  const { options } = (await client.post(`${at}/begin`)).data
  return new Authenticator().create(options, { origin: world.config.publicUrl })
}
/** An attempt of a user who must have a second factor and has none. */
async function enrolling(): Promise<string> {
  const { id, email } = await someone()
  await world.db.tx('system', (tx) =>
    tx.updateTable('users').set({ mfa_required: true }).where('id', '=', id).execute(),
  )
  const { body } = await world.client().post('/api/v1/auth/login', { username: email, password: PASSWORD })
  return body.error.details.attempt
}
const ownSession = async ({ client }: { client: Client }) =>
  String((await client.get('/api/v1/auth/sessions')).data[0].id)

async function withConnection(): Promise<State> {
  const { client, organization: id } = await owner()
  const { data } = await client.post(`/api/v1/organizations/${id}/connections`, { provider: 'oidc' })
  return { client, path: { id, connection_id: data.id } }
}
let slugs = 0
async function withServerConnection(): Promise<State> {
  const { client } = await owner()
  const { data } = await client.post('/api/v1/connections', { provider: 'oidc', slug: `example-${++slugs}` })
  return { client, path: { id: data.id } }
}

const APP = { name: 'Example', settings: { redirect_uris: ['https://app.example.com/'] } }

async function withApp(): Promise<State> {
  const { client, organization: id } = await owner()
  const { data } = await client.post(`/api/v1/organizations/${id}/clients`, APP)
  return { client, path: { id, client_id: data.client_id, secret_id: data.secrets[0].id } }
}
async function withServerApp(): Promise<State> {
  const { client } = await owner()
  const { data } = await client.post('/api/v1/oidc/clients', APP)
  return { client, path: { id: data.client_id, secret_id: data.secrets[0].id } }
}
let apis = 0
async function withApi(): Promise<State> {
  const { client } = await owner()
  const identifier = `https://api${++apis}.example.com`
  const { data } = await client.post('/api/v1/oidc/resources', { identifier, name: 'Example' })
  return { client, path: { id: data.id } }
}

/** A SAML connection with a certificate that waits. */
async function samlConnection(organization: boolean): Promise<State> {
  const { client, organization: id } = await owner()
  const [known, pending] = [providerKey(world.clock.now()), providerKey(world.clock.now())]
  const { url: metadata_url, entityId: entity_id } = metadata
  const saml = {
    metadata_url,
    entity_id,
    certificates: [known.certificate],
    pending_certificates: [pending.certificate],
  }
  const sent = { provider: 'saml', settings: { saml } }
  const fingerprints = [readCertificate(pending.certificate)?.fingerprint]
  if (!organization) {
    const { data } = await client.post('/api/v1/connections', { ...sent, slug: `saml-${++slugs}` })
    return { client, path: { id: data.id }, body: { fingerprints } }
  }
  const { data } = await client.post(`/api/v1/organizations/${id}/connections`, sent)
  return { client, path: { id, connection_id: data.id }, body: { fingerprints } }
}
const withoutBody = async ({ client, path }: State): Promise<State> => ({ client, ...(path && { path }) })

/** Of operations that need more than an organization of the caller or another user. */
const STATES: Readonly<Record<string, () => Promise<State>>> = {
  async 'emails.verify'() {
    const client = world.client()
    await client.post('/api/v1/auth/register', { email: 'new@example.com', password: PASSWORD })
    return { client, body: { token: await world.mailbox.tokenFor('new@example.com', /verify-email/) } }
  },
  async 'sessions.revoke'() {
    const { client } = await owner()
    return { client, path: { id: await ownSession({ client }) } }
  },
  async 'auth.external.continue'() {
    federated.atGoogle()
    const client = world.client()
    await federated.signIn(client, 'google')
    await federated.me(client)
    const { data } = await client.post('/api/v1/auth/step-up', {})
    return { client, body: { attempt: data.attempt } }
  },
  async 'auth.step_up'() {
    const { client, organization } = await owner()
    return { client, body: { organization_id: organization } }
  },
  'roles.show': withRole,
  'roles.update': withRole,
  'roles.delete': withRole,
  async 'permissions.delete'() {
    const { client } = await owner()
    await client.post('/api/v1/permissions', { name: 'reports:read' })
    return { client }
  },
  async 'auth.refresh'() {
    const client = world.client()
    const { email } = await someone()
    const { data } = await client.signIn(email, PASSWORD, { tokens: true })
    return { client: world.client(), body: { refresh_token: data.refresh_token } }
  },
  async 'api_keys.revoke'() {
    const { client } = await owner()
    return { client, path: { id: (await client.apiKey()).id } }
  },
  async 'api_keys.rotate'() {
    const { client } = await owner()
    return { client, path: { id: (await client.apiKey()).id } }
  },
  'users.me.email.cancel': async () => ({ client: (await addressChange()).client }),
  async 'auth.email_change'() {
    const { address } = await addressChange()
    return {
      client: world.client(),
      body: { token: await world.mailbox.tokenFor(address, /email-change\?/) },
    }
  },
  async 'auth.email_change.undo'() {
    const { address, email } = await addressChange()
    const token = await world.mailbox.tokenFor(address, /email-change\?/)
    await world.client().post('/api/v1/auth/email-change', { token })
    return {
      client: world.client(),
      body: { token: await world.mailbox.tokenFor(email, /email-change\/undo/) },
    }
  },
  async 'auth.passkeys.login.complete'() {
    const [person, authenticator] = [await someone(), new Authenticator()]
    await addPasskey(person.client, authenticator)
    const client = world.client()
    return { client, body: { credential: await assertPasskey(client, authenticator) } }
  },
  async 'auth.passkeys.register.complete'() {
    const { client } = await someone()
    return { client, body: { credential: await createPasskey(client, '/api/v1/auth/passkeys/register') } }
  },
  async 'auth.mfa.rename'() {
    const { client } = await someone()
    return { client, path: { id: (await enrolAuthenticator(world, client)).factorId } }
  },
  'auth.passkeys.rename': withPasskey,
  'auth.passkeys.remove': withPasskey,
  async 'auth.attempts.passkeys.register.begin'() {
    return { client: world.client(), path: { attempt: await enrolling() } }
  },
  async 'auth.attempts.passkeys.register.complete'() {
    const [client, attempt] = [world.client(), await enrolling()]
    const at = `/api/v1/auth/attempts/${attempt}/passkeys/register`
    return { client, path: { attempt }, body: { credential: await createPasskey(client, at) } }
  },
  async 'organizations.restore'() {
    const { client, organization: id } = await owner()
    await client.delete(`/api/v1/organizations/${id}`)
    return { client, path: { id } }
  },
  async 'organizations.roles.update'() {
    const { client, organization: id } = await owner()
    await client.post(`/api/v1/organizations/${id}/roles`, { name: 'editor', permissions: [] })
    return { client, path: { id } }
  },
  async 'organizations.roles.delete'() {
    const { client, organization: id } = await owner()
    await client.post(`/api/v1/organizations/${id}/roles`, { name: 'editor', permissions: [] })
    return { client, path: { id } }
  },
  async 'connections.test'() {
    const { client } = await owner()
    return { client, path: { id: (await federated.connect('oidc', { slug: `test-${++slugs}` })).id } }
  },
  async 'organizations.connections.test'() {
    const { client, organization: id } = await owner()
    return {
      client,
      path: { id, connection_id: (await federated.connect('oidc', { organizationId: id })).id },
    }
  },
  'connections.metadata.refresh': async () => withoutBody(await samlConnection(false)),
  'connections.certificates.approve': () => samlConnection(false),
  'connections.keys.rotate': async () => withoutBody(await samlConnection(false)),
  'organizations.connections.metadata.refresh': async () => withoutBody(await samlConnection(true)),
  'organizations.connections.certificates.approve': () => samlConnection(true),
  'organizations.connections.keys.rotate': async () => withoutBody(await samlConnection(true)),
  'connections.show': withServerConnection,
  'connections.update': withServerConnection,
  'connections.delete': withServerConnection,
  'connections.events.list': withServerConnection,
  async 'organizations.setup_links.revoke'() {
    const { client, organization: id } = await owner()
    const { data } = await client.post(`/api/v1/organizations/${id}/connections/setup-links`, {})
    return { client, path: { id, link_id: data.id } }
  },
  'organizations.connections.show': withConnection,
  'organizations.connections.update': withConnection,
  'organizations.connections.delete': withConnection,
  'organizations.connections.events.list': withConnection,
  ...Object.fromEntries(
    ['show', 'update', 'delete', 'secrets.create', 'secrets.delete', 'logouts'].flatMap((action) => [
      [`organizations.clients.${action}`, withApp],
      [`oidc.clients.${action}`, withServerApp],
    ]),
  ),
  'oidc.resources.show': withApi,
  'oidc.resources.update': withApi,
  'oidc.resources.delete': withApi,
  async 'organizations.leave'() {
    const { ben, id } = await membership()
    return { client: ben.client, path: { id } }
  },
  async 'organizations.transfer'() {
    const { ada, ben, id } = await membership()
    return { client: ada.client, path: { id }, body: { user_id: ben.id } }
  },
  async 'organizations.members.change_role'() {
    const { ada, ben, id } = await membership()
    return { client: ada.client, path: { id, user_id: ben.id } }
  },
  async 'organizations.members.change_mfa'() {
    const { ada, ben, id } = await membership()
    return { client: ada.client, path: { id, user_id: ben.id } }
  },
  async 'organizations.members.remove'() {
    const { ada, ben, id } = await membership()
    return { client: ada.client, path: { id, user_id: ben.id } }
  },
  'organizations.domains.show': withDomain,
  'organizations.domains.change': withDomain,
  'organizations.domains.remove': withDomain,
  'organizations.domains.verify': withDomain,
  async 'organizations.invitations.resend'() {
    const { ada, id } = await invitation()
    await world.clock.advance('2 minutes')
    return { client: ada.client, path: { id: ada.organization, invitation_id: id } }
  },
  async 'organizations.invitations.revoke'() {
    const { ada, id } = await invitation()
    return { client: ada.client, path: { id: ada.organization, invitation_id: id } }
  },
  async 'invitations.show'() {
    const { id, token } = await invitation()
    return { client: world.client(), path: { id, token } }
  },
  async 'invitations.accept'() {
    const { ben, token } = await invitation()
    return { client: ben.client, body: { token } }
  },
  async 'invitations.decline'() {
    const { ben, token } = await invitation()
    return { client: ben.client, body: { token } }
  },
  async 'users.me.invitations.accept'() {
    const { ben, id } = await invitation()
    return { client: ben.client, path: { id } }
  },
  async 'users.me.invitations.decline'() {
    const { ben, id } = await invitation()
    return { client: ben.client, path: { id } }
  },
  async 'auth.organization'() {
    const { client, organization } = await owner()
    return { client, body: { organization_id: organization } }
  },
  'auth.attempts.show': async () => ({ client: world.client(), path: { attempt: await attempt() } }),
  'auth.attempts.password': async () => ({ client: world.client(), path: { attempt: await attempt() } }),
  async 'auth.magic_link.complete'() {
    const [client, { email }] = [world.client(), await someone()]
    const { data } = await client.post('/api/v1/auth/magic-link', { email })
    const token = await world.mailbox.tokenFor(email, /sign-in\/link/)
    return { client: world.client(), body: { token, attempt: data.attempt } }
  },
  async 'auth.email_code.complete'() {
    const [client, { email }] = [world.client(), await someone()]
    const { data } = await client.post('/api/v1/auth/email-code', { email })
    const { text } = await world.mailbox.emailTo(email, /code/)
    return { client: world.client(), body: { code: /^\d{6}$/m.exec(text)?.[0], attempt: data.attempt } }
  },
  'auth.mfa.email.enable': async () => ({ client: (await someone()).client }),
  async 'auth.mfa.verify'() {
    const { app, attempt } = await enrolled()
    return { client: world.client(), body: { attempt, method: 'totp', code: await app.next() } }
  },
  async 'auth.devices.forget'() {
    const { client, app, attempt } = await enrolled()
    const proof = { attempt, method: 'totp', code: await app.next(), remember_device: true }
    await world.client().post('/api/v1/auth/mfa/verify', proof)
    return { client, path: { id: (await client.get('/api/v1/auth/devices')).data[0].id } }
  },
  async 'auth.mfa.confirm'() {
    const { client } = await someone()
    const { data } = await client.post('/api/v1/auth/mfa/enable', { method: 'totp' })
    return { client, body: { code: codeOf(world, data.secret), factor_id: data.factor_id } }
  },
  'auth.attempts.mfa.enable': () => enrollingApp(false),
  'auth.attempts.mfa.confirm': () => enrollingApp(true),
  'auth.mfa.backup_codes': async () => ({ client: (await enrolled()).client }),
  async 'auth.mfa.disable'() {
    const { client, app } = await enrolled()
    return { client, body: { factor_id: app.factorId } }
  },
  async 'passwords.reset'() {
    const { email } = await someone()
    await world.client().post('/api/v1/auth/password/forgot', { email })
    return { client: world.client(), body: { token: await world.mailbox.tokenFor(email, /reset-password/) } }
  },
  async 'users.sessions.revoke'() {
    const [{ client }, ben] = [await owner(), await someone()]
    return { client, path: { id: ben.id, session_id: await ownSession(ben) } }
  },
  async 'users.api_keys.revoke'() {
    const [{ client }, ben] = [await owner(), await someone()]
    return { client, path: { id: ben.id, key_id: (await ben.client.apiKey()).id } }
  },
  async 'auth.external.unlink'() {
    return { client: (await connected()).client }
  },
  async 'auth.external.linked_accounts'() {
    return { client: (await connected()).client }
  },
  async 'users.identities.list'() {
    const [{ client }, ben] = [await owner(), await connected()]
    return { client, path: { id: ben.id } }
  },
  async 'users.identities.remove'() {
    const [{ client }, ben] = [await owner(), await connected()]
    return { client, path: { id: ben.id, identity_id: ben.identity } }
  },
  async 'auth.applications.list'() {
    return { client: (await signedInToApp()).client }
  },
  async 'auth.applications.remove'() {
    const { client, grant } = await signedInToApp()
    return { client, path: { id: grant } }
  },
  async 'users.applications.list'() {
    const [{ client }, ben] = [await owner(), await signedInToApp()]
    return { client, path: { id: ben.id } }
  },
  async 'users.applications.remove'() {
    const [{ client }, ben] = [await owner(), await signedInToApp()]
    return { client, path: { id: ben.id, grant_id: ben.grant } }
  },
  async 'audit_logs.get'() {
    const { client } = await owner()
    return { client, path: { id: (await client.get('/api/v1/audit-logs')).data[0].id } }
  },
  async 'users.enable'() {
    const [{ client }, ben] = [await owner(), await someone()]
    await client.post(`/api/v1/users/${ben.id}/disable`)
    return { client, path: { id: ben.id } }
  },
  'auth.validate': async () => ({ client: (await someone()).client }),
  async 'oidc.par'() {
    const { id, secret } = await testApp(world, { token_endpoint_auth_method: 'client_secret_post' })
    return { client: world.client(), body: { client_id: id, client_secret: secret } }
  },
  async 'oidc.token'() {
    const { app, code } = await authorizedApp()
    const credentials = { client_id: app.id, client_secret: app.secret }
    return {
      client: world.client(),
      body: { ...credentials, code, redirect_uri: CALLBACK, code_verifier: VERIFIER },
    }
  },
  async 'oidc.device_authorization'() {
    const app = await testApp(world, ON_DEVICES)
    return { client: world.client(), body: { client_id: app.id, client_secret: app.secret } }
  },
  async 'oidc.userinfo'() {
    const headers = { authorization: `Bearer ${(await appTokens()).access_token}` }
    return { client: world.client({ headers }) }
  },
  'oidc.userinfo.posted': async () => ({
    client: world.client(),
    body: { access_token: (await appTokens()).access_token },
  }),
  'oidc.introspect': async () => ({ client: world.client(), body: await tokenOfApp() }),
  'oidc.revoke': async () => ({ client: world.client(), body: await tokenOfApp() }),
  async 'users.me.delete'() {
    return { client: (await someone()).client }
  },
  async 'compat.revoke_token'() {
    const credentials = { username: 'ada@example.com', password: PASSWORD }
    const { body } = await world.client().post('/api/users/create_token', credentials)
    return { client: world.client(), body: { token: body.token } }
  },
}

/** An app that authenticates by its form, and a code for it. */
async function authorizedApp() {
  const app = await testApp(world, { token_endpoint_auth_method: 'client_secret_post', first_party: true })
  return { app, code: await authorizedCode((await someone()).client, app, { scope: 'openid profile email' }) }
}
async function appTokens() {
  const { app, code } = await authorizedApp()
  return { app, ...(await app.exchange(code)).body }
}
async function tokenOfApp() {
  const { app, refresh_token: token } = await appTokens()
  return { client_id: app.id, client_secret: app.secret, token }
}

/** Rows that visitors use are sent without a session. */
async function stateOf(id: string, path: string, isOpen: boolean): Promise<State> {
  const made = await STATES[id]?.()
  if (made) return made
  if (isOpen) return { client: world.client() }
  const { client, organization } = await owner()
  if (path.startsWith('/api/v1/organizations/')) return { client, path: { id: organization } }
  return path.startsWith('/api/v1/users/{id}') ? { client, path: { id: (await someone()).id } } : { client }
}

async function send(
  operation: Json,
  method: string,
  path: string,
  state: State,
  optional: boolean,
  form?: Record<string, string>,
): Promise<Reply> {
  const query = new URLSearchParams()
  let at = path
  for (const { name, in: place, example, schema } of operation.parameters as Json[]) {
    const value = state.path?.[name] ?? example ?? (optional ? schema.examples?.[0] : undefined)
    if (value === undefined) continue
    if (place === 'path') at = at.replace(`{${name}}`, encodeURIComponent(String(value)))
    if (place === 'query') query.set(name, String(value))
  }
  const content = operation.requestBody?.content ?? {}
  // endpoints of OAuth take forms alone
  const { 'application/json': json, 'application/x-www-form-urlencoded': asForm } = content
  const documented = (json ?? asForm)?.example
  const body = documented === undefined ? undefined : { ...documented, ...state.body }
  const target = query.size > 0 ? `${at}?${query}` : at
  return await state.client.send(method.toUpperCase(), target, form ?? body, {
    form: form !== undefined || json === undefined,
    headers: { accept: 'application/json' },
  })
}

/** The beginning of a stream, which does not end by itself. */
async function firstEvent({ client }: State, path: string): Promise<Reply> {
  const aborted = new AbortController()
  const cookie = [...client.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  const response = await fetch(client.url + path, { headers: { cookie }, signal: aborted.signal })
  const { value } = (await response.body?.getReader().read()) ?? {}
  aborted.abort()
  const text = new TextDecoder().decode(value)
  return { status: response.status, headers: response.headers, body: text, data: null, code: undefined, text }
}

const METHODS = ['get', 'post', 'put', 'patch', 'delete']
const wrongIn = (validate: ValidateFunction, value: unknown) =>
  validate(value)
    ? []
    : (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`)

describe('the examples of the OpenAPI document', () => {
  it('are requests that succeed as documented, and answers that match their schemas', {
    timeout: 120_000,
  }, async () => {
    const rows = new Map(world.app.rows.filter(isDescribed).map((row) => [row.name, row]))
    const wrong: unknown[] = []
    let sent = 0
    for (const [path, item] of Object.entries<Json>(document.paths))
      for (const [method, operation] of Object.entries<Json>(item)) {
        expect(METHODS).toContain(method)
        const id: string = operation.operationId
        const row = rows.get(id)
        const state = await stateOf(id, path, row?.open !== undefined)
        const isList = operation.parameters.some((one: Json) => one.in === 'query' && one.schema.examples)
        for (const optional of isList ? [false, true] : [false]) {
          sent += 1
          const reply =
            row?.kind === 'stream'
              ? await firstEvent(state, path)
              : await send(operation, method, path, state, optional)
          const content = operation.responses[reply.status]?.content
          const isEmpty = operation.responses[reply.status] && !content && reply.text === ''
          if (reply.status >= 300 || (!content && !isEmpty)) {
            wrong.push([id, reply.status, reply.text])
            continue
          }
          if (isEmpty) continue
          const type = (reply.headers.get('content-type') ?? '').split(';')[0] ?? ''
          const [, media] = Object.entries<Json>(content).find(([key]) => key.startsWith(type)) ?? []
          const validate = compiled(media?.schema)
          wrong.push(...wrongIn(validate, reply.body).map((text) => [id, 'answer', text]))
          wrong.push(...wrongIn(validate, media?.example).map((text) => [id, 'example', text]))
        }
      }
    expect(wrong).toEqual([])
    expect(sent).toBeGreaterThan(95)
  })

  it('match the schema of their request, and name no field that the schema of the form lacks', () => {
    const wrong: unknown[] = []
    for (const item of Object.values<Json>(document.paths))
      for (const { operationId, requestBody, parameters } of Object.values<Json>(item)) {
        const { schema, example } = Object.values<Json>(requestBody?.content ?? {})[0] ?? {}
        if (schema) wrong.push(...wrongIn(compiled(schema), example).map((text) => [operationId, text]))
        for (const one of parameters)
          for (const value of [one.example, ...(one.schema.examples ?? [])])
            if (value !== undefined)
              wrong.push(...wrongIn(compiled(one.schema), value).map((text) => [operationId, one.name, text]))
      }
    expect(wrong).toEqual([])
  })

  it('are forms that succeed as the same requests in JSON do', { timeout: 120_000 }, async () => {
    await federated.stop()
    await begin()
    const rows = new Map(world.app.rows.filter(isDescribed).map((row) => [row.name, row]))
    const wrong: unknown[] = []
    let sent = 0
    for (const [path, item] of Object.entries<Json>(document.paths))
      for (const [method, operation] of Object.entries<Json>(item)) {
        const form = operation.requestBody?.content['application/x-www-form-urlencoded']
        if (!form) continue
        const id: string = operation.operationId
        wrong.push(...wrongIn(compiled(form.schema), form.example).map((text) => [id, text]))
        const state = await stateOf(id, path, rows.get(id)?.open !== undefined)
        const texts = Object.entries(state.body ?? {}).map(([name, value]) => [name, String(value)])
        const fields = { ...form.example, ...Object.fromEntries(texts) }
        const reply = await send(operation, method, path, state, false, fields)
        sent += 1
        if (reply.status >= 300) wrong.push([id, reply.status, reply.text])
      }
    expect(wrong).toEqual([])
    expect(sent).toBeGreaterThan(25)
  })

  it('name the headers of forward-auth, as they are sent', async () => {
    const { headers } = document.paths['/api/v1/auth/validate'].get.responses[200]
    const { client } = await owner()
    const sent = [...(await client.get('/api/v1/auth/validate')).headers.keys()]
    const named = Object.keys(headers).filter((name) => name.startsWith('X-Auth-'))
    expect(named.map((name) => name.toLowerCase()).toSorted()).toEqual(
      sent.filter((name) => name.startsWith('x-auth-')).toSorted(),
    )
    for (const name of named) expect([name, headers[name].description.length > 20]).toEqual([name, true])
  })

  it('have one of every error, which matches the responses that refer to it', () => {
    const wrong: unknown[] = []
    for (const [name, { content }] of Object.entries<Json>(document.components.responses)) {
      const { schema, examples } = content['application/json']
      const validate = compiled(schema)
      const { error } = schema.allOf[1].properties
      // an error of OAuth is one word, and its example is the answer itself
      if (error.examples) {
        for (const { value } of Object.values<Json>(examples)) {
          wrong.push(...wrongIn(validate, value).map((text) => [name, text]))
          expect(error.examples).toContain(value.error)
        }
        continue
      }
      const codes: string[] = error.properties.code.enum
      expect(Object.keys(examples), name).toEqual(codes)
      for (const code of codes) {
        const { value } = document.components.examples[examples[code].$ref.split('/').pop()]
        wrong.push(...wrongIn(validate, value).map((text) => [name, code, text]))
      }
    }
    expect(wrong).toEqual([])
  })
})
