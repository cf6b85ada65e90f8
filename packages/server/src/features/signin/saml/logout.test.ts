/** Single logout through its routes, and the requests that this server sends. */
import { createPublicKey, verify, X509Certificate } from 'node:crypto'
import { inflateRawSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { samlAddressesOf } from '../../../core/connections/index.ts'
import { ensureConnectionKeys } from '../../../core/saml/index.ts'
import type { Client } from '../../../testing/client.ts'
import {
  base64,
  IDP,
  rememberSamlSession,
  type SamlPeer,
  samlPeer,
} from '../../../testing/saml-connection.ts'
import {
  logoutRequestXml,
  PERSISTENT,
  providerKey,
  redirectQuery,
  signElement,
} from '../../../testing/saml-provider.ts'
import { type Person, startWorld, type World } from '../../../testing/world.ts'
import { readMessage } from './canon.ts'
import { samlLogoutRequest, samlRequest } from './index.ts'
import { findSignedXml, findSigner } from './saml.ts'

let world: World
let peer: SamlPeer
beforeAll(async () => {
  world = await startWorld({ rateLimits: 'off' })
  peer = await samlPeer(world, { saml: { slo_url: 'https://idp.example/slo?x=1' } })
})
afterAll(() => world.stop())

const path = (of = peer) => `/saml/${of.connection.slug}/logout`
const sessionOf = async (person: Person): Promise<string> =>
  (await person.client.get('/api/v1/auth/sessions')).data[0].id
const isSignedIn = async (person: Person) => (await person.client.get('/api/v1/auth/me')).status === 200

/** A user whose session began with SAML. */
async function samlUser(
  nameId: string,
  sessionIndex: string,
  of = peer,
  others: object = {},
): Promise<Person> {
  const [person] = await world.people(1)
  if (!person) throw new Error('no user')
  const id = await sessionOf(person)
  const session = {
    name_id: nameId,
    name_id_format: PERSISTENT,
    name_qualifier: null,
    sp_name_qualifier: null,
    session_index: sessionIndex,
    ...others,
  }
  await rememberSamlSession(world, id, of.connection, session)
  return person
}

const requestXml = (nameId: string, others: Partial<Parameters<typeof logoutRequestXml>[0]> = {}) =>
  logoutRequestXml({
    issuer: IDP,
    destination: `${world.config.publicUrl}${path()}`,
    now: world.clock.now(),
    nameId,
    ...others,
  })

const byRedirect = (query: string, at = path()) => fetch(`${world.url}${at}?${query}`, { redirect: 'manual' })
const byPost = (fields: Record<string, string>, at = path()) =>
  fetch(`${world.url}${at}`, {
    method: 'POST',
    redirect: 'manual',
    headers: { origin: 'https://idp.example', 'sec-fetch-site': 'cross-site' },
    body: new URLSearchParams(fields),
  })
const signedPost = (nameId: string, others = {}, key = peer.key) => {
  const { xml, id } = requestXml(nameId, others)
  return byPost({ SAMLRequest: base64(signElement(xml, id, { key })) })
}

/** What one of our keys has signed of a message of ours. */
async function signedBy(
  text: string,
  keys: readonly { use: string; certificate: string }[],
): Promise<string | null> {
  const { xml, root } = readMessage(Buffer.from(text))
  const ours = keys
    .filter(({ use }) => use === 'signing')
    .map(({ certificate }) => ({
      certificate,
      publicKey: new X509Certificate(Buffer.from(certificate, 'base64')).publicKey,
    }))
  const message = { xml, path: [root] } as const
  const signer = findSigner(message, ours)
  return signer && (await findSignedXml(message, signer.certificate))
}

/** The message of a redirect, whose signature is verified with our certificate. */
async function sentTo(location: string, name: 'SAMLRequest' | 'SAMLResponse'): Promise<string> {
  const query = location.slice(location.indexOf(name))
  const [signed = '', signature = ''] = query.split('&Signature=')
  const keys = await ensureConnectionKeys(world.app.tools, peer.connection, world.clock.now())
  const certificate =
    keys.find(({ use, stage }) => use === 'signing' && stage === 'current')?.certificate ?? ''
  const { publicKey } = new X509Certificate(Buffer.from(certificate, 'base64'))
  expect(
    verify(
      'sha256',
      Buffer.from(signed),
      createPublicKey(publicKey.export({ type: 'spki', format: 'pem' })),
      Buffer.from(decodeURIComponent(signature), 'base64'),
    ),
  ).toBe(true)
  const value = new URLSearchParams(query).get(name) ?? ''
  return inflateRawSync(Buffer.from(value, 'base64')).toString()
}

describe('a logout request of the provider', () => {
  it('by redirect ends the named session, and is answered with its RelayState', async () => {
    const [ada, other] = [await samlUser('ada', 's-1'), await samlUser('ada', 's-2')]
    const { xml, id } = requestXml('ada', { sessionIndexes: ['s-1'] })
    const answer = await byRedirect(redirectQuery(xml, { key: peer.key, relayState: 'back & forth' }))
    expect(answer.status).toBe(303)
    const location = answer.headers.get('location') ?? ''
    expect(location).toMatch(/^https:\/\/idp\.example\/slo\?x=1&SAMLResponse=/)
    expect(new URL(location).searchParams.get('RelayState')).toBe('back & forth')
    const response = await sentTo(location, 'SAMLResponse')
    expect(response).toContain(`InResponseTo="${id}"`)
    expect(response).toContain('status:Success')
    expect(response).toContain('Destination="https://idp.example/slo?x=1"')
    expect([await isSignedIn(ada), await isSignedIn(other)]).toEqual([false, true])
    expect(await world.events(ada.id)).toContain('auth.logout')
  })

  it('without an index ends all sessions of the NameID, by POST from another site, and no others', async () => {
    const users = [await samlUser('grace', 'g-1'), await samlUser('grace', 'g-2')]
    const neighbour = await samlPeer(world)
    const others = [await samlUser('grace-2', 'g-1'), await samlUser('grace', 'g-1', neighbour)]
    const answer = await signedPost('grace')
    expect(answer.status).toBe(303)
    expect(await Promise.all(users.map(isSignedIn))).toEqual([false, false])
    expect(await Promise.all(others.map(isSignedIn))).toEqual([true, true])
  })

  it('names a user by text, format and qualifiers together, of which each side may leave out what both know', async () => {
    const EMAIL = 'urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress'
    const UNSPECIFIED = 'urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified'
    const { entityId } = samlAddressesOf(world.config, peer.connection)
    const names: [stored: object, sent: string, ends: boolean][] = [
      [{}, ` Format="${PERSISTENT}" NameQualifier="${IDP}" SPNameQualifier="${entityId}"`, true],
      [{ name_qualifier: IDP, sp_name_qualifier: entityId }, '', true],
      [{}, ` Format="${UNSPECIFIED}"`, true],
      [{ name_id_format: null }, ` Format="${EMAIL}"`, true],
      [{ name_id_format: UNSPECIFIED }, ` Format="${EMAIL}"`, true],
      [{ name_qualifier: 'realm' }, ' NameQualifier="realm"', true],
      [{}, ` Format="${EMAIL}"`, false],
      [{}, ' NameQualifier="realm"', false],
      [{ name_qualifier: 'realm' }, '', false],
      [{ name_qualifier: 'realm' }, ' NameQualifier="other"', false],
      [{}, ' SPNameQualifier="https://other.example"', false],
    ]
    for (const [at, [stored, nameIdAttributes, ends]] of names.entries()) {
      const name = `named-${at}`
      const user = await samlUser(name, 'n-1', peer, stored)
      expect((await signedPost(name, { nameIdAttributes })).status).toBe(303)
      expect([at, await isSignedIn(user)]).toEqual([at, !ends])
    }
  })

  it('clears the cookies of the browser that brings it: of the session where that has ended, and of what waits', async () => {
    const [ada, other] = [await samlUser('margaret', 'm-1'), (await world.people(1))[0]]
    const bring = async (client: Client | undefined) => {
      const query = redirectQuery(requestXml('margaret').xml, { key: peer.key })
      const answer = await client?.get(`${path()}?${query}`)
      expect(answer?.status).toBe(303)
      return answer?.headers.getSetCookie().map((line) => /^[^;]+; Max-Age=0/.exec(line)?.[0])
    }
    const [session, question] = ['lk_session=; Max-Age=0', 'lk_question=; Max-Age=0']
    expect(await bring(ada.client)).toEqual([session, question])
    expect(await bring(other?.client)).toEqual([question])
    expect(await bring(world.client())).toEqual([question])
    // the cookies of this site do not come with it
    const posted = await signedPost('margaret')
    expect(posted.headers.getSetCookie()).toEqual([expect.stringContaining(question)])
    const refused = await byPost({ SAMLRequest: '!' })
    expect(refused.headers.getSetCookie().filter((line) => line.startsWith('lk_question'))).toEqual([])
  })

  it('is accepted in the spelling of other programs of the same query', async () => {
    await samlUser('linus', 'l-1')
    const lower = (value: string) =>
      encodeURIComponent(value).replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase())
    const answer = await byRedirect(
      redirectQuery(requestXml('linus').xml, { key: peer.key, relayState: 'a b', encode: lower }),
    )
    expect(answer.status).toBe(303)
  })

  it('is accepted once, of twenty times at once', async () => {
    const { xml } = requestXml('ada')
    const query = redirectQuery(xml, { key: peer.key })
    const answers = await Promise.all(Array.from({ length: 20 }, () => byRedirect(query)))
    expect(answers.filter(({ status }) => status === 303)).toHaveLength(1)
  })

  it('is answered by a form where the provider takes POST, without a token of ours in it', async () => {
    const postPeer = await samlPeer(world, {
      saml: {
        slo_url: 'https://idp.example/post',
        slo_binding: 'post',
        slo_response_url: 'https://idp.example/done',
      },
    })
    const { xml, id } = requestXml('ada', { destination: `${world.config.publicUrl}${path(postPeer)}` })
    const answer = await byPost(
      { SAMLRequest: base64(signElement(xml, id, { key: postPeer.key })), RelayState: 'r' },
      path(postPeer),
    )
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-security-policy')).toContain("form-action 'self' https://idp.example")
    const html = await answer.text()
    expect(html).toContain('action="https://idp.example/done"')
    expect(html).toMatch(/name="RelayState" value="r"/)
    expect(
      /<form method="post" action="https:\/\/idp\.example\/done".*?<\/form>/s.exec(html)?.[0],
    ).not.toContain('csrf_token')
    const message = Buffer.from(
      /name="SAMLResponse" value="([^"]+)"/.exec(html)?.[1] ?? '',
      'base64',
    ).toString()
    const keys = await ensureConnectionKeys(world.app.tools, postPeer.connection, world.clock.now())
    expect(await signedBy(message, keys)).toContain('LogoutResponse')
  })

  const refused: Readonly<Record<string, (nameId: string) => Promise<Response>>> = {
    'without a signature by POST': (name) => byPost({ SAMLRequest: base64(requestXml(name).xml) }),
    'without a signature by redirect': (name) =>
      byRedirect(redirectQuery(requestXml(name).xml, { key: null })),
    'signed by another key': (name) => signedPost(name, {}, providerKey(world.clock.now())),
    'signed by another key in the query': (name) =>
      byRedirect(redirectQuery(requestXml(name).xml, { key: providerKey(world.clock.now()) })),
    'for another destination': (name) => signedPost(name, { destination: 'https://other.example/logout' }),
    'without a destination': (name) => signedPost(name, { destination: null }),
    'of another issuer': (name) => signedPost(name, { issuer: 'https://evil.example' }),
    'that has ended': (name) => signedPost(name, { notOnOrAfter: -61 }),
    'of seven minutes ago': (name) => signedPost(name, { issued: -420, notOnOrAfter: null }),
    'of the future': (name) => signedPost(name, { issued: 90 }),
    'with a changed NameID': (name) => {
      const { xml, id } = requestXml('another-user')
      return byPost({
        SAMLRequest: base64(signElement(xml, id, { key: peer.key }).replace('another-user', name)),
      })
    },
    'with a RelayState that was not signed': (name) =>
      byRedirect(`${redirectQuery(requestXml(name).xml, { key: peer.key })}&RelayState=x`),
    'with its message twice': (name) => {
      const query = redirectQuery(requestXml(name).xml, { key: peer.key })
      return byRedirect(`${query}&SAMLRequest=x`)
    },
    'with its message twice in another spelling': (name) => {
      const query = redirectQuery(requestXml('other').xml, { key: peer.key })
      const unsigned = redirectQuery(requestXml(name).xml, { key: null }).replace(
        'SAMLRequest',
        '%53AMLRequest',
      )
      return byRedirect(`${query}&${unsigned}`)
    },
    'that expands to megabytes': () =>
      byRedirect(redirectQuery(`<x>${' '.repeat(5_000_000)}</x>`, { key: peer.key })),
    'with a document type': (name) =>
      byRedirect(redirectQuery(`<!DOCTYPE x>${requestXml(name).xml}`, { key: peer.key })),
    'that is another message': () => byPost({ SAMLRequest: peer.signed() }),
    'that is no base64': () => byPost({ SAMLRequest: '!' }),
  }
  it('is refused, ends nothing, and is in the diagnostics', async () => {
    const katherine = await samlUser('katherine', 'k-1')
    for (const [name, send] of Object.entries(refused)) {
      const answer = await send('katherine')
      expect({ name, status: answer.status }).toEqual({ name, status: 400 })
      expect(await isSignedIn(katherine), name).toBe(true)
    }
    const events = await world.app.tools.db.hot
      .selectFrom('connection_events')
      .select(['flow', 'fault', 'detail'])
      .where('connection_id', '=', peer.connection.id)
      .where('flow', '=', 'logout')
      .execute()
    const faults = [
      'wrong_signature',
      'wrong_recipient',
      'wrong_issuer',
      'wrong_time',
      'unsafe_document',
      'bad_answer',
    ]
    expect(events.map(({ fault }) => fault)).toEqual(expect.arrayContaining(faults))
  })

  it('of a connection that is not active, not SAML or not there is a 404', async () => {
    const draft = await samlPeer(world)
    await world.db.tx('system', (tx) =>
      tx
        .updateTable('connections')
        .set({ status: 'disabled' })
        .where('id', '=', draft.connection.id)
        .execute(),
    )
    for (const at of [path(draft), '/saml/unknown/logout'])
      expect((await byPost({ SAMLRequest: 'x' }, at)).status).toBe(404)
  })

  it('that is an answer to ours leads to the page of who is signed out', async () => {
    for (const answer of [await byRedirect('SAMLResponse=x'), await byPost({ SAMLResponse: 'x' })])
      expect([answer.status, answer.headers.get('location')]).toEqual([303, '/sign-out'])
  })
})

describe('requests of this server', () => {
  it('end the session at the provider, with what it called it', async () => {
    const ada = await samlUser('ada-9', 's-9')
    const sent = await samlLogoutRequest(world.app.tools, await sessionOf(ada), {
      relayState: null,
      now: world.clock.now(),
    })
    const xml = await sentTo(sent && 'url' in sent.message ? sent.message.url : '', 'SAMLRequest')
    expect(xml).toContain(
      `Format="${PERSISTENT}">ada-9</saml:NameID><samlp:SessionIndex>s-9</samlp:SessionIndex>`,
    )
    expect(xml).toMatch(/NotOnOrAfter="[^"]+" ?>|NotOnOrAfter="[^"]+">/)
    const [other] = await world.people(1)
    expect(
      other &&
        (await samlLogoutRequest(world.app.tools, await sessionOf(other), {
          relayState: null,
          now: world.clock.now(),
        })),
    ).toBeNull()
  })

  it('begin a sign-in by redirect, signed where the connection says so', async () => {
    const now = world.clock.now()
    const plain = await samlRequest(world.app.tools, peer.connection, { relayState: 'state', now })
    const { url } = plain as { url: string }
    const parameters = new URL(url).searchParams
    const xml = inflateRawSync(Buffer.from(parameters.get('SAMLRequest') ?? '', 'base64')).toString()
    expect([...parameters.keys()]).toEqual(['SAMLRequest', 'RelayState'])
    expect(xml).toContain(`ID="${plain.expected.request_id}"`)
    expect(xml).toContain(`IssueInstant="${now.toISOString()}"`)
    expect(xml).toContain('<samlp:NameIDPolicy AllowCreate="true"/>')
    expect(xml).not.toContain('ForceAuthn')

    const connection = await peer.change({
      signs_requests: true,
      name_id: 'persistent',
      sso_url: 'https://idp.example/sso?tenant=1',
    })
    const signed = await samlRequest(world.app.tools, connection, { relayState: 'state', fresh: true, now })
    const fresh = await sentTo((signed as { url: string }).url, 'SAMLRequest')
    expect(fresh).toContain(' ForceAuthn="true">')
    expect(fresh).toContain(`<samlp:NameIDPolicy Format="${PERSISTENT}" AllowCreate="true"/>`)
    expect((signed as { url: string }).url).toMatch(/^https:\/\/idp\.example\/sso\?tenant=1&SAMLRequest=/)
  })

  it('begin a sign-in by POST, signed after the issuer', async () => {
    const connection = await peer.change({ signs_requests: true, sso_binding: 'post' })
    const sent = await samlRequest(world.app.tools, connection, {
      relayState: 'state',
      now: world.clock.now(),
    })
    const { post } = sent as { post: { action: string; fields: Record<string, string> } }
    expect(post).toMatchObject({ action: 'https://idp.example/sso', fields: { RelayState: 'state' } })
    const xml = Buffer.from(post.fields.SAMLRequest ?? '', 'base64').toString()
    expect(xml).toMatch(/<\/saml:Issuer><(?:ds:)?Signature /)
    const keys = await ensureConnectionKeys(world.app.tools, connection, world.clock.now())
    expect(await signedBy(xml, keys)).toContain('AuthnRequest')
  })
})
