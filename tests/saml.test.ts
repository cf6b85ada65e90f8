/**
 * SAML through the public endpoints, as a browser brings it: the sign-in, and the canon of what is refused at
 * `POST /saml/:connection/acs`. What each part refuses in every spelling is beside the code (signin/saml).
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Client } from '../packages/server/src/testing/client.ts'
import { HTML } from '../packages/server/src/testing/federation.ts'
import { base64, type SamlPeer, samlPeer } from '../packages/server/src/testing/saml-connection.ts'
import { providerKey, signatureOf, signElement } from '../packages/server/src/testing/saml-provider.ts'
import { answerSaml, beginSaml, inflated } from '../packages/server/src/testing/saml-sign-in.ts'
import { startWorld, type World } from '../packages/server/src/testing/world.ts'

let world: World
let peer: SamlPeer
beforeAll(async () => {
  world = await startWorld({ rateLimits: 'off' })
  peer = await samlPeer(world, {
    slug: 'saml',
    saml: { slo_url: 'https://idp.example/slo' },
    settings: { trusts_email: true },
  })
})
afterAll(() => world.stop())

const begin = (client: Client) => beginSaml(world, client, 'saml')
const answer = (client: Client, SAMLResponse: string, RelayState: string, path = '/saml/acs') =>
  answerSaml(world, client, path, { SAMLResponse, RelayState })

const latestFault = async (): Promise<string | null | undefined> =>
  (
    await world.db.hot
      .selectFrom('connection_events')
      .select('fault')
      .where('connection_id', '=', peer.connection.id)
      .orderBy('id', 'desc')
      .limit(1)
      .executeTakeFirst()
  )?.fault
const isSignedIn = async (client: Client): Promise<boolean> =>
  (await client.get('/api/v1/auth/me')).status === 200

/** The page about a sign-in that failed, with its reason. */
const failedBy = (reason: string) => new RegExp(`^/sign-in/failed\\?provider=[\\w-]+&reason=${reason}(?:&|$)`)

interface Answering {
  requestId: string
  /** A response with one signed assertion, as text. */
  xml: string
  /** Another assertion, of the attacker. */
  evil: string
}

describe('a sign-in by SAML', () => {
  it('begins and ends at the addresses of the first document, makes an account, and finds it again', async () => {
    const ids: string[] = []
    for (const _ of [1, 2]) {
      const client = world.client()
      const { requestId, relayState } = await begin(client)
      const attributes = { mail: 'ada@example.com', givenName: 'Ada', sn: 'Lovelace' }
      const response = peer.signed({ inResponseTo: requestId, nameId: 'ada', attributes })
      expect(await answer(client, response, relayState)).toBe('/account')
      const me = await client.get('/api/v1/auth/me')
      expect(me.data.user).toMatchObject({ email: 'ada@example.com' })
      ids.push(me.data.user.id)
      expect(await latestFault()).toBeNull()
    }
    expect(new Set(ids).size).toBe(1)
  })

  it('works while the provider changes its certificate', async () => {
    const next = providerKey(world.clock.now())
    await peer.change({ certificates: [next.certificate, peer.key.certificate] })
    for (const key of [peer.key, next, peer.key]) {
      const client = world.client()
      const { requestId, relayState } = await begin(client)
      const attributes = { mail: 'ada@example.com' }
      const response = peer.signed({ inResponseTo: requestId, nameId: 'ada', attributes }, { key })
      expect(await answer(client, response, relayState)).toBe('/account')
    }
    await peer.change({})
  })

  it('is ended by a logout request of the provider, and ends there by the page to sign out', async () => {
    const client = world.client()
    const { requestId, relayState } = await begin(client)
    const attributes = { mail: 'ada@example.com' }
    await answer(
      client,
      peer.signed({ inResponseTo: requestId, nameId: 'ada', sessionIndex: 'index-7', attributes }),
      relayState,
    )
    const page = await client.get('/sign-out', HTML)
    const token = /name="csrf_token" value="([^"]+)"/.exec(page.text)?.[1] ?? ''
    const left = await client.post('/sign-out', { csrf_token: token }, { form: true, ...HTML })
    expect(left.status).toBe(200)
    expect(left.headers.get('content-security-policy')).toContain("form-action 'self' https://idp.example;")
    const form =
      /<form method="get" action="https:\/\/idp\.example\/slo".*?<\/form>/s.exec(left.text)?.[0] ?? ''
    expect(form).not.toContain('csrf_token')
    const message = /name="SAMLRequest" value="([^"]+)"/.exec(form)?.[1] ?? ''
    expect(inflated(message)).toContain('<samlp:SessionIndex>index-7<')
    expect(form).toContain('name="Signature"')
    expect(await isSignedIn(client)).toBe(false)
    // a session that did not begin with SAML ends here alone
    const [person] = await world.people(1)
    const other = await person?.client.get('/sign-out', HTML)
    const csrf = /name="csrf_token" value="([^"]+)"/.exec(other?.text ?? '')?.[1] ?? ''
    const signedOut = await person?.client.post('/sign-out', { csrf_token: csrf }, { form: true, ...HTML })
    expect([signedOut?.status, signedOut?.headers.get('location')]).toEqual([303, '/sign-out'])
  })
})

describe('the assertion consumer service refuses', () => {
  const signedWith =
    (options: Parameters<SamlPeer['signed']>[0]) =>
    ({ requestId }: Answering) =>
      peer.signed({ inResponseTo: requestId, ...options })
  const changed =
    (change: (xml: string, evil: string) => string) =>
    ({ xml, evil }: Answering) =>
      base64(change(xml, evil))
  const intoEvil = (xml: string, evil: string, place: (signature: string, original: string) => string) => {
    const signature = /<ds:Signature .*<\/ds:Signature>/.exec(xml)?.[0] ?? ''
    const original = /<saml:Assertion .*<\/saml:Assertion>/.exec(xml)?.[0].replace(signature, '') ?? ''
    const at = evil.indexOf('</saml:Issuer>') + '</saml:Issuer>'.length
    return xml.replace(
      /<saml:Assertion .*<\/saml:Assertion>/,
      evil.slice(0, at) + place(signature, original) + evil.slice(at),
    )
  }
  const canon: Readonly<Record<string, [string, (answering: Answering) => string]>> = {
    'a document type': ['unsafe_document', changed((xml) => `<!DOCTYPE x>${xml}`)],
    'an entity': [
      'unsafe_document',
      changed((xml) => `<!DOCTYPE x [<!ENTITY e "eve">]>${xml.replace('>ada<', '>&e;<')}`),
    ],
    'UTF-16': [
      'unsafe_document',
      ({ xml }) => Buffer.from(`\ufeff<!DOCTYPE x>${xml}`, 'utf16le').toString('base64'),
    ],
    'a comment in the NameID': [
      'unsafe_document',
      changed((xml) => xml.replace('>ada<', '>ada<!-- -->.evil<')),
    ],
    'more than 256 kB': [
      'unsafe_document',
      changed((xml) => xml.replace('</samlp:Status>', `</samlp:Status>${' '.repeat(263_000)}`)),
    ],
    'deep XML': [
      'unsafe_document',
      changed((xml) =>
        xml.replace('</samlp:Status>', `${'<x>'.repeat(70)}${'</x>'.repeat(70)}</samlp:Status>`),
      ),
    ],
    'what is no base64': ['bad_answer', () => '!!!'],
    'what is no XML': ['bad_answer', () => base64('{}')],
    'a changed NameID': ['wrong_signature', changed((xml) => xml.replace('>ada<', '>eve<'))],
    'no signature': [
      'wrong_signature',
      changed((xml) => xml.replace(/<ds:Signature .*<\/ds:Signature>/, '')),
    ],
    'the signature of the response alone': [
      'wrong_signature',
      ({ requestId }) => {
        const { xml, id } = peer.response(peer.assertion({ inResponseTo: requestId }).xml, {
          inResponseTo: requestId,
        })
        return base64(signElement(xml, id, { key: peer.key }))
      },
    ],
    'RSA-SHA1': [
      'wrong_signature',
      ({ requestId }) =>
        peer.signed(
          { inResponseTo: requestId },
          { algorithm: 'http://www.w3.org/2000/09/xmldsig#rsa-sha1', hash: 'sha1' },
        ),
    ],
    'the key of a stranger': [
      'wrong_signature',
      ({ requestId }) => peer.signed({ inResponseTo: requestId }, { key: providerKey(world.clock.now()) }),
    ],
    'two SignedInfo': [
      'unsafe_document',
      changed((xml) => xml.replace(/(<ds:SignedInfo>.*<\/ds:SignedInfo>)/, '$1$1')),
    ],
    'a comment in the digest': [
      'unsafe_document',
      changed((xml) => xml.replace('<ds:DigestValue>', '<ds:DigestValue><!-- -->')),
    ],
    'wrapping 1 and 2: a response in a response': [
      'unsafe_document',
      changed((xml, evil) =>
        xml.replace(/(<saml:Assertion .*<\/saml:Assertion>)/, `${evil}${xml.replaceAll('$', '$$$$')}`),
      ),
    ],
    'wrapping 3: an assertion before the signed one': [
      'unsafe_document',
      changed((xml, evil) => xml.replace('<saml:Assertion ', `${evil}<saml:Assertion `)),
    ],
    'wrapping 4: the signed assertion in another one': [
      'unsafe_document',
      changed((xml, evil) =>
        intoEvil(xml, evil, (signature, original) =>
          original.replace('</saml:Issuer>', `</saml:Issuer>${signature}`),
        ),
      ),
    ],
    'wrapping 5: the signature in another assertion': [
      'unsafe_document',
      changed((xml, evil) => intoEvil(xml, evil, (signature) => signature)),
    ],
    'wrapping 6: the original in KeyInfo': [
      'unsafe_document',
      changed((xml, evil) =>
        intoEvil(xml, evil, (signature, original) =>
          signature.replace('</ds:KeyInfo>', `${original}</ds:KeyInfo>`),
        ),
      ),
    ],
    'wrapping 7: the original in Extensions': [
      'unsafe_document',
      changed((xml, evil) =>
        xml.replace(
          /(<saml:Assertion .*<\/saml:Assertion>)/,
          `<samlp:Extensions>$1</samlp:Extensions>${evil}`,
        ),
      ),
    ],
    'wrapping 8: the original in an Object': [
      'unsafe_document',
      changed((xml, evil) =>
        intoEvil(xml, evil, (signature, original) =>
          signature.replace('</ds:Signature>', `<ds:Object>${original}</ds:Object></ds:Signature>`),
        ),
      ),
    ],
    'another audience': ['wrong_audience', signedWith({ audience: 'https://other.example' })],
    'another recipient': ['wrong_recipient', signedWith({ recipient: 'https://other.example/acs' })],
    'another issuer': ['wrong_issuer', signedWith({ issuer: 'https://evil.example' })],
    'conditions that have ended': ['wrong_time', signedWith({ notOnOrAfter: -90, confirmedUntil: 300 })],
    'a confirmation that has ended': ['wrong_time', signedWith({ confirmedUntil: -90 })],
    'conditions of the future': ['wrong_time', signedWith({ notBefore: 120 })],
    'the answer to another request': ['wrong_request', signedWith({ inResponseTo: '_other' })],
    'an answer to no request': ['wrong_request', signedWith({ inResponseTo: null })],
    'a transient NameID': [
      'no_subject',
      signedWith({ nameIdFormat: 'urn:oasis:names:tc:SAML:2.0:nameid-format:transient' }),
    ],
  }
  for (const [name, [fault, make]] of Object.entries(canon))
    it(name, async () => {
      const client = world.client()
      const { requestId, relayState } = await begin(client)
      const { xml, id } = peer.assertion({ inResponseTo: requestId })
      const signature = signatureOf(xml, id, { key: peer.key })
      const signed = xml.replace('</saml:Issuer>', `</saml:Issuer>${signature}`)
      const response = make({
        requestId,
        xml: peer.response(signed, { inResponseTo: requestId }).xml,
        evil: peer.assertion({ inResponseTo: requestId, nameId: 'eve' }).xml,
      })
      const end = await answer(client, response, relayState)
      expect([end.startsWith('/account'), await isSignedIn(client), await latestFault()]).toEqual([
        false,
        false,
        fault,
      ])
    })

  it('an answer that is used again, here or by another browser', async () => {
    const client = world.client()
    const { requestId, relayState } = await begin(client)
    const response = peer.signed({
      inResponseTo: requestId,
      nameId: 'ada',
      attributes: { mail: 'ada@example.com' },
    })
    expect(await answer(client, response, relayState)).toBe('/account')
    const stranger = world.client()
    expect(await answer(stranger, response, relayState)).toMatch(failedBy('replayed'))
    const next = await begin(stranger)
    expect(await answer(stranger, response, next.relayState)).toMatch(failedBy('wrong_request'))
    expect(await isSignedIn(stranger)).toBe(false)
  })

  it('an assertion when the clock has moved past its times', async () => {
    const client = world.client()
    const { requestId, relayState } = await begin(client)
    const response = peer.signed({ inResponseTo: requestId, notOnOrAfter: 60 })
    await world.clock.advance('3 minutes')
    expect(await answer(client, response, relayState)).toMatch(failedBy('wrong_time'))
    expect(await isSignedIn(client)).toBe(false)
    expect(await latestFault()).toBe('wrong_time')
  })
})
