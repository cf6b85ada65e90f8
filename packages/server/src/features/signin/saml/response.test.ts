import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { isTwoFactor, samlAddressesOf } from '../../../core/connections/index.ts'
import { FederationFault, type ProviderFault } from '../../../core/providers/index.ts'
import { base64, IDP, REQUEST_ID, type SamlPeer, samlPeer } from '../../../testing/saml-connection.ts'
import { providerKey, signElement } from '../../../testing/saml-provider.ts'
import { startWorld, type World } from '../../../testing/world.ts'
import { readSamlResponse } from './index.ts'

let world: World
let peer: SamlPeer
beforeAll(async () => {
  world = await startWorld()
  peer = await samlPeer(world)
})
afterAll(() => world.stop())
// the clock of the world runs: messages and their reading share one instant
let now: Date
beforeEach(() => {
  now = world.clock.now()
  peer.at = now
})

type Options = Partial<Parameters<typeof readSamlResponse>[2]> & { connection?: SamlPeer['connection'] }
const read = (response: string, { connection = peer.connection, ...options }: Options = {}) =>
  readSamlResponse(world.app.tools, connection, {
    response,
    expected: { request_id: REQUEST_ID },
    now,
    ...options,
  })

async function faultOf(response: string, options: Options = {}): Promise<[ProviderFault, string | null]> {
  const error = await read(response, options).then(
    () => null,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(FederationFault)
  const { fault, detail } = error as FederationFault
  return [fault, detail]
}

describe('a signed response', () => {
  it('names the user, the session at the provider, and what it says', async () => {
    const identity = await read(
      peer.signed({
        nameId: 'ada-1815',
        sessionIndex: 'idx-7',
        context: 'https://refeds.org/profile/mfa',
        attributes: {
          mail: 'ada@example.com',
          givenName: 'Ada',
          sn: 'Lovelace',
          memberOf: ['math', 'poets'],
        },
      }),
    )
    expect(identity).toEqual({
      issuer: IDP,
      subject: 'ada-1815',
      email: 'ada@example.com',
      emailVerified: false,
      username: null,
      fullName: 'Ada Lovelace',
      stated: { given_name: 'Ada', family_name: 'Lovelace' },
      groups: ['math', 'poets'],
      amr: [],
      acr: 'https://refeds.org/profile/mfa',
      authenticatedAt: now,
      claims: expect.objectContaining({
        mail: 'ada@example.com',
        memberOf: ['math', 'poets'],
        NameID: 'ada-1815',
      }),
      session: {
        name_id: 'ada-1815',
        name_id_format: 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent',
        name_qualifier: null,
        sp_name_qualifier: null,
        session_index: 'idx-7',
      },
    })
  })

  it('says that two factors were checked by its context or by an attribute of Microsoft', async () => {
    const trusting = { settings: { trusts_mfa: true } }
    const methods = 'http://schemas.microsoft.com/claims/authnmethodsreferences'
    const two = 'http://schemas.microsoft.com/claims/multipleauthn'
    const cases: [Parameters<SamlPeer['signed']>[0], boolean][] = [
      [{ context: 'https://refeds.org/profile/mfa' }, true],
      [{ context: two }, true],
      [{ attributes: { [methods]: ['urn:password', two] } }, true],
      [{ attributes: { [methods]: ['urn:password'] } }, false],
      [{}, false],
    ]
    for (const [options, isTwo] of cases) {
      const identity = await read(peer.signed(options))
      expect([isTwoFactor(trusting, identity), isTwoFactor({ settings: {} }, identity)]).toEqual([
        isTwo,
        false,
      ])
    }
  })

  it('is accepted when the response is signed too, with other algorithms of the list, and with line breaks in base64', async () => {
    const { xml, id } = peer.assertion()
    const response = peer.response(signElement(xml, id, { key: peer.key }))
    const both = base64(signElement(response.xml, response.id, { key: peer.key }))
    expect(await read(both.replace(/.{76}/g, '$&\r\n'))).toMatchObject({ subject: 'ada' })
    const sha512 = {
      algorithm: 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha512',
      hash: 'sha512',
      digestAlgorithm: 'http://www.w3.org/2001/04/xmlenc#sha512',
      digestHash: 'sha512',
    }
    expect(await read(peer.signed({}, sha512))).toMatchObject({ subject: 'ada' })
  })

  it('verifies an address where its domain is the organization’s, or the connection is trusted', async () => {
    const attributes = { email: 'ada@example.com' }
    const isOwnDomain = (email: string) => email.endsWith('@example.com')
    expect(await read(peer.signed({ attributes }), { isOwnDomain })).toMatchObject({ emailVerified: true })
    expect(
      await read(peer.signed({ attributes: { email: 'ada@else.example' } }), { isOwnDomain }),
    ).toMatchObject({
      emailVerified: false,
    })
    const connection = { ...peer.connection, settings: { ...peer.connection.settings, trusts_email: true } }
    expect(await read(peer.signed({ attributes }), { connection })).toMatchObject({ emailVerified: true })
  })

  it('names an address, a person and groups by the rules of all providers', async () => {
    const attributes = {
      mail: 'a@b.example,victim@other.example',
      cn: 'Ada\u202e\u200b  Lovelace',
      uid: 'ada\u200b',
      memberOf: ['ad\u200bmins', 'poets'],
    }
    const nameIdFormat = 'urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress'
    const identity = await read(peer.signed({ nameId: 'not an address', nameIdFormat, attributes }), {
      isOwnDomain: () => true,
    })
    expect(identity).toMatchObject({
      email: null,
      emailVerified: false,
      fullName: 'Ada Lovelace',
      username: 'ada',
      groups: ['poets'],
    })
    const named = await read(peer.signed({ nameId: 'ada@example.com', nameIdFormat }))
    expect([named.email, named.groups]).toEqual(['ada@example.com', null])
  })

  it('is shown bounded, readable and without secrets', async () => {
    const many = Array.from({ length: 90 }, (_, n) => [`a${n}`, 'y'.repeat(900)])
    const attributes = {
      bio: `${'x'.repeat(299)}😀${'x'.repeat(199)}😀`,
      password: 'hunter2',
      access_token: 'secret',
      NameID: 'another',
      ...Object.fromEntries(many),
    }
    const { claims } = await read(peer.signed({ nameId: 'ada', attributes }))
    expect(JSON.stringify(claims).length).toBeLessThan(8001)
    expect(JSON.stringify(claims)).not.toMatch(/hunter2|secret/)
    expect(claims).toMatchObject({ NameID: 'ada', bio: `${'x'.repeat(299)}😀${'x'.repeat(199)}😀` })
  })

  it('is accepted once, of a hundred times at once', async () => {
    const response = peer.signed()
    const outcomes = await Promise.allSettled(Array.from({ length: 100 }, () => read(response)))
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    expect(await faultOf(response)).toEqual(['replayed', 'The assertion was used before.'])
  })

  it('is not used up by a refusal, nor for another connection', async () => {
    const response = peer.signed({ id: '_shared' })
    expect((await faultOf(response, { expected: { request_id: '_other' } }))[0]).toBe('wrong_request')
    expect(await read(response)).toMatchObject({ subject: 'ada' })
    const other = await samlPeer(world)
    expect(await read(other.signed({ id: '_shared' }), { connection: other.connection })).toBeTruthy()
  })

  it('is forgotten only when it would be refused for its age', async () => {
    const response = peer.signed({ notOnOrAfter: 3000 })
    await read(response)
    for (const wait of ['10 minutes', '20 minutes', '50 minutes'] as const) {
      await world.clock.advance(wait)
      expect(['replayed', 'wrong_time']).toContain((await faultOf(response, { now: world.clock.now() }))[0])
    }
    await world.clock.advance('2 hours')
    expect(await world.app.tools.db.hot.selectFrom('used_assertions').selectAll().execute()).toEqual([])
  })
})

describe('what is checked of a signed assertion', () => {
  const cases: Readonly<Record<string, [Parameters<SamlPeer['signed']>[0], ProviderFault, string]>> = {
    'another audience': [
      { audience: 'https://other.example' },
      'wrong_audience',
      'The audience is https://other.example, expected',
    ],
    'no audience': [{ audience: null }, 'wrong_audience', 'names no audience'],
    'another recipient': [
      { recipient: 'https://other.example/acs' },
      'wrong_recipient',
      'The recipient is https://other.example/acs, expected',
    ],
    'another issuer': [
      { issuer: 'https://evil.example' },
      'wrong_issuer',
      'The issuer is https://evil.example, expected https://idp.example/metadata.',
    ],
    'another request': [{ inResponseTo: '_other' }, 'wrong_request', 'answers another request'],
    'no request': [{ inResponseTo: null }, 'wrong_request', 'answers no request'],
    'conditions that have ended': [
      { notOnOrAfter: -240, confirmedUntil: 300 },
      'wrong_time',
      'NotOnOrAfter of Conditions was 4 min ago.',
    ],
    'conditions that have not begun': [
      { notBefore: 90 },
      'wrong_time',
      'NotBefore of Conditions is 90 s ahead.',
    ],
    'a confirmation that has ended': [
      { confirmedUntil: -60 },
      'wrong_time',
      'NotOnOrAfter of SubjectConfirmationData was 60 s ago.',
    ],
    'a confirmation without an end': [{ confirmedUntil: null }, 'bad_answer', 'no NotOnOrAfter'],
    'another confirmation than bearer': [
      { method: 'urn:oasis:names:tc:SAML:2.0:cm:holder-of-key' },
      'bad_answer',
      'no bearer confirmation',
    ],
    'an assertion of the future': [{ issued: 61 }, 'wrong_time', 'ahead'],
    'an assertion of 17 minutes ago': [{ issued: -1020 }, 'wrong_time', 'was issued 17 min ago'],
    'a condition that is not understood': [
      { conditions: '<saml:Condition></saml:Condition>' },
      'bad_answer',
      'not understood',
    ],
    'a second audience restriction without us': [
      {
        conditions:
          '<saml:AudienceRestriction><saml:Audience>https://other.example</saml:Audience></saml:AudienceRestriction>',
      },
      'wrong_audience',
      '',
    ],
    'a transient NameID': [
      { nameIdFormat: 'urn:oasis:names:tc:SAML:2.0:nameid-format:transient' },
      'no_subject',
      'transient',
    ],
    'another format of NameID': [
      { nameIdFormat: 'urn:oasis:names:tc:SAML:2.0:nameid-format:entity' },
      'no_subject',
      'format',
    ],
    'no NameID': [{ nameId: null }, 'no_subject', 'no NameID'],
    'an empty NameID': [{ nameId: ' ' }, 'no_subject', 'empty'],
    'a NameID for another service': [
      { nameIdAttributes: ' SPNameQualifier="https://other.example"' },
      'no_subject',
      'https://other.example',
    ],
    'an assertion in its advice': [
      { more: '<saml:Advice><saml:Assertion></saml:Assertion></saml:Advice>' },
      'unsafe_document',
      'several assertions',
    ],
  }
  for (const [name, [options, fault, detail]] of Object.entries(cases))
    it(`refuses ${name}`, async () => {
      expect(await faultOf(peer.signed(options))).toEqual([fault, expect.stringContaining(detail)])
    })

  it('refuses an audience of which ours is a part, and a part of ours', async () => {
    const { entityId } = samlAddressesOf(world.config, peer.connection)
    for (const audience of [
      `${entityId}.evil.example`,
      `${entityId}/`,
      `x${entityId}`,
      entityId.slice(0, -1),
    ])
      expect((await faultOf(peer.signed({ audience })))[0]).toBe('wrong_audience')
  })

  it('allows clocks that differ by less than a minute', async () => {
    for (const options of [{ notBefore: 59 }, { notOnOrAfter: -59 }, { issued: 59 }])
      expect(await read(peer.signed(options)), JSON.stringify(options)).toBeTruthy()
  })

  it('accepts one of several audiences, as named', async () => {
    const { entityId } = samlAddressesOf(world.config, peer.connection)
    expect(await read(peer.signed({ audience: ['https://other.example', entityId] }))).toBeTruthy()
  })

  it('qualifies the subject by what the provider qualifies it', async () => {
    const { entityId } = samlAddressesOf(world.config, peer.connection)
    const names: [string, string, string][] = [
      ['ada', ` NameQualifier="${IDP}" SPNameQualifier="${entityId}"`, 'ada'],
      ['ada', ' NameQualifier="realm"', '!realm!ada'],
      ['ada', ' NameQualifier="!realm"', '!%21realm!ada'],
      // an unqualified name is never that of a qualified one
      ['realm!ada', '', 'realm!ada'],
      ['!realm!ada', '', '!!realm!ada'],
    ]
    for (const [nameId, nameIdAttributes, subject] of names)
      expect((await read(peer.signed({ nameId, nameIdAttributes }))).subject).toBe(subject)
  })

  it('takes a mapped attribute as the subject, also beside a transient NameID', async () => {
    const connection = {
      ...peer.connection,
      settings: { ...peer.connection.settings, attributes: { subject: 'uid' } },
    }
    const nameIdFormat = 'urn:oasis:names:tc:SAML:2.0:nameid-format:transient'
    const attributes = { uid: 'u-1' }
    expect(await read(peer.signed({ nameIdFormat, attributes }), { connection })).toMatchObject({
      subject: 'u-1',
    })
    expect((await faultOf(peer.signed({ nameIdFormat }), { connection }))[0]).toBe('no_subject')
    const several = peer.signed({ attributes: { uid: ['u-1', 'u-2'] } })
    expect((await faultOf(several, { connection }))[0]).toBe('no_subject')
  })
})

describe('the response around the assertion', () => {
  const wrapped = (options: Parameters<SamlPeer['response']>[1]) => {
    const { xml, id } = peer.assertion()
    return base64(peer.response(signElement(xml, id, { key: peer.key }), options).xml)
  }
  it.each([
    ['another destination', { destination: 'https://other.example/acs' }, 'wrong_recipient', 'expected'],
    ['another issuer', { issuer: 'https://evil.example' }, 'wrong_issuer', 'expected'],
    ['another request', { inResponseTo: '_other' }, 'wrong_request', 'another request'],
    ['no request', { inResponseTo: null }, 'wrong_request', 'no request'],
    ['an age of 17 minutes', { issued: -1020 }, 'wrong_time', '17 min ago'],
    [
      'a failed sign-in',
      { status: ['Responder', 'AuthnFailed'], message: 'No.' },
      'denied',
      'Responder, AuthnFailed: No.',
    ],
    [
      'an error',
      { status: ['Requester', 'InvalidNameIDPolicy'] },
      'provider_error',
      'Requester, InvalidNameIDPolicy',
    ],
  ] as const)('is refused for %s', async (_, options, fault, detail) => {
    expect(await faultOf(wrapped(options))).toEqual([fault, expect.stringContaining(detail)])
  })

  it('may be without an assertion if it reports an error, and not otherwise', async () => {
    const error = peer.response('', { status: ['Responder', 'RequestDenied'] })
    expect((await faultOf(base64(error.xml)))[0]).toBe('denied')
    expect((await faultOf(base64(peer.response('').xml)))[0]).toBe('bad_answer')
  })
})

describe('certificates', () => {
  it('refuses a signature by another key, also if its certificate is in the message', async () => {
    const stranger = providerKey(world.clock.now())
    expect((await faultOf(peer.signed({}, { key: stranger })))[0]).toBe('wrong_signature')
  })

  it('accepts each of several certificates while the provider changes them', async () => {
    const next = providerKey(world.clock.now())
    const connection = await peer.change({ certificates: [next.certificate, peer.key.certificate] })
    const both = [peer.signed(), peer.signed({}, { key: next })]
    for (const response of both) expect(await read(response, { connection })).toBeTruthy()
    const after = await peer.change({ certificates: [next.certificate] })
    expect((await faultOf(peer.signed(), { connection: after }))[0]).toBe('wrong_signature')
    expect(await read(peer.signed({}, { key: next }), { connection: after })).toBeTruthy()
  })

  it('names a certificate that has expired, and a key that is too weak', async () => {
    const old = providerKey(world.clock.now(), { days: -3 })
    const weak = providerKey(world.clock.now(), { bits: 1024 })
    const connection = await peer.change({ certificates: [old.certificate, weak.certificate] })
    expect(await faultOf(peer.signed({}, { key: old }), { connection })).toEqual([
      'certificate_expired',
      expect.stringMatching(/^The certificate expired on 2030-\d\d-\d\d\.$/),
    ])
    expect(await faultOf(peer.signed({}, { key: weak }), { connection })).toEqual([
      'wrong_signature',
      expect.stringContaining('1024 bits'),
    ])
  })
})

describe('the type of a key', () => {
  it('is that of the algorithm: a signature of ECDSA is refused under the name of RSA, and under its own', async () => {
    for (const curve of ['prime256v1', 'secp384r1']) {
      const key = providerKey(now, { curve })
      const connection = await peer.change({ certificates: [key.certificate] })
      const [fault, detail] = await faultOf(peer.signed({}, { key }), { connection })
      expect([fault, detail]).toEqual([
        'wrong_signature',
        'The signature fits none of the 1 certificates of the connection (one is not used because its key is not of RSA).',
      ])
      const algorithm = 'http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256'
      expect(await faultOf(peer.signed({}, { key, algorithm }), { connection })).toEqual([
        'wrong_signature',
        `The algorithm ${algorithm} of a signature is not accepted.`,
      ])
    }
    // and a key of RSA under the name of ECDSA
    const algorithm = 'http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256'
    const connection = await peer.change({})
    expect((await faultOf(peer.signed({}, { algorithm }), { connection }))[0]).toBe('wrong_signature')
  })
})

describe('a sign-in that the provider begins', () => {
  it('is never accepted itself, whether its parts name a request or none', async () => {
    const connection = await peer.change({ idp_initiated: true })
    const { xml, id } = peer.assertion()
    const signed = signElement(xml, id, { key: peer.key })
    for (const response of [
      peer.signed({ inResponseTo: null }),
      base64(peer.response(signed, { inResponseTo: null }).xml),
    ])
      expect((await faultOf(response, { connection }))[0]).toBe('wrong_request')
  })
})
