import { describe, expect, it } from 'vitest'
import { metadataXml, providerKey } from '../../testing/saml-provider.ts'
import { FederationFault, type ProviderFault } from '../providers/index.ts'
import { readIdpMetadata } from './idp-metadata.ts'
import { mergeMetadata } from './refresh.ts'

const now = new Date('2030-06-01T12:00:00Z')
const { certificate } = providerKey(now)
const next = providerKey(now).certificate
const ENTITY = 'https://idp.example/metadata'
const document = (options: Partial<Parameters<typeof metadataXml>[0]> = {}) =>
  metadataXml({ entityId: ENTITY, certificates: [certificate], ...options })
const read = (xml: string | Uint8Array, entityId: string | null = null) =>
  readIdpMetadata(xml, { entityId, now })

function faultOf(xml: string | Uint8Array, entityId: string | null = null): [ProviderFault, string | null] {
  try {
    read(xml, entityId)
  } catch (error) {
    if (error instanceof FederationFault) return [error.fault, error.detail]
    throw error
  }
  throw new Error('the document was accepted')
}

describe('readIdpMetadata', () => {
  it('reads entity id, certificates, endpoints and whether requests are signed', () => {
    const xml = document({
      certificates: [certificate, next, certificate],
      sso: {
        SOAP: 'https://idp.example/soap',
        'HTTP-POST': 'https://idp.example/post',
        'HTTP-Redirect': 'https://idp.example/sso?x=1&y=2',
      },
      slo: { 'HTTP-POST': 'https://idp.example/slo' },
      descriptorAttributes: ' WantAuthnRequestsSigned="true"',
    })
    const expected = {
      entity_id: ENTITY,
      sso_url: 'https://idp.example/sso?x=1&y=2',
      sso_binding: 'redirect',
      slo_url: 'https://idp.example/slo',
      slo_binding: 'post',
      certificates: [certificate, next],
      signs_requests: true,
    }
    expect(read(xml)).toEqual(expected)
    // as Microsoft Entra serves it, and as it is pasted
    expect(read(Buffer.from(`\ufeff<?xml version="1.0" encoding="utf-8"?><!-- signed -->${xml}`))).toEqual(
      expected,
    )
    expect(read(`\n  ${xml}\n`)).toEqual(expected)
  })

  it.each([
    ['is none', 'AAAA'],
    ['is too long', Buffer.alloc(9000, certificate).toString('base64')],
  ])('refuses a document of which a certificate %s, wherever it is', (_, odd) => {
    for (const certificates of [
      [certificate, odd],
      [odd, certificate],
    ])
      expect(faultOf(document({ certificates }))).toEqual([
        'bad_settings',
        'A certificate of the metadata cannot be read.',
      ])
  })

  it('takes the key without a use, and not the one for encryption', () => {
    const xml = document({ certificates: [certificate, next] })
    expect(read(xml.replace(' use="signing"', '')).certificates).toEqual([certificate, next])
    expect(read(xml.replace('use="signing"', 'use="encryption"')).certificates).toEqual([next])
  })

  it('picks the provider that is named among several', () => {
    const other = document({ entityId: 'https://other.example' })
    const several = `<md:EntitiesDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata">${document()}<md:EntitiesDescriptor>${other}</md:EntitiesDescriptor></md:EntitiesDescriptor>`
    expect(read(several, 'https://other.example').entity_id).toBe('https://other.example')
    expect(faultOf(several)).toEqual(['bad_settings', expect.stringContaining('several identity providers')])
    expect(faultOf(several, 'https://third.example')[0]).toBe('bad_settings')
  })

  it('reads no provider of a group that has expired, nor one that is in Extensions', () => {
    const group = (content: string, attributes = '') =>
      `<md:EntitiesDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata"${attributes}>${content}</md:EntitiesDescriptor>`
    const [past, future] = [' validUntil="2030-06-01T11:59:59Z"', ' validUntil="2030-06-01T12:00:01Z"']
    expect(read(group(group(document(), future), future)).entity_id).toBe(ENTITY)
    expect(faultOf(group(group(document(), past), future))[0]).toBe('wrong_time')
    const other = document({ entityId: 'https://other.example' })
    // that of another provider does not matter
    expect(read(group(`${group(other, past)}${document()}`), ENTITY).entity_id).toBe(ENTITY)
    const hidden = `<md:Extensions>${other}</md:Extensions>`
    expect(read(group(`${hidden}${document()}`)).entity_id).toBe(ENTITY)
    expect(faultOf(group(hidden))[0]).toBe('bad_settings')
    expect(faultOf(`<x>${document()}</x>`)[0]).toBe('bad_settings')
  })

  it.each([
    [
      'an entity id with a line break',
      document({ entityId: 'https://idp.example/&#10;x' }).replace('&amp;#10;', '&#10;'),
      'bad_settings',
    ],
    ['a document type', `<!DOCTYPE x>${document()}`, 'unsafe_document'],
    ['an entity', `<!DOCTYPE x [<!ENTITY e "y">]>${document()}`, 'unsafe_document'],
    ['UTF-16', Buffer.from(`\ufeff${document()}`, 'utf16le'), 'unsafe_document'],
    ['more than 1 MB', document({ attributes: ` x="${'y'.repeat(1_100_000)}"` }), 'unsafe_document'],
    ['HTML', '<html><body>Sign in</body></html>', 'bad_settings'],
    ['no XML', '{"entity_id":"x"}', 'bad_settings'],
    ['nothing', '', 'bad_settings'],
    ['a service provider', document().replaceAll('IDPSSODescriptor', 'SPSSODescriptor'), 'bad_settings'],
    ['SAML 1.1', document().replace('SAML:2.0:protocol', 'SAML:1.1:protocol'), 'bad_settings'],
    ['no certificate', document({ certificates: [] }), 'bad_settings'],
    [
      'eleven certificates',
      document({ certificates: Array.from({ length: 11 }, (_, n) => `${'A'.repeat(200)}${n}`) }),
      'bad_settings',
    ],
    ['a certificate that is none', document({ certificates: ['A'.repeat(400)] }), 'bad_settings'],
    [
      'a comment in a certificate',
      document().replace('\n</ds:X509Certificate>', '<!-- --></ds:X509Certificate>'),
      'unsafe_document',
    ],
    [
      'a weak certificate alone',
      document({ certificates: [providerKey(now, { bits: 1024 }).certificate] }),
      'bad_settings',
    ],
    [
      'an expired certificate alone',
      document({ certificates: [providerKey(now, { days: -1 }).certificate] }),
      'bad_settings',
    ],
    ['no sign-on service', document({ sso: {} }), 'bad_settings'],
    ['SOAP alone', document({ sso: { SOAP: 'https://idp.example/soap' } }), 'bad_settings'],
    [
      'a script as the address',
      document({ sso: { 'HTTP-Redirect': 'javascript:alert(1)' } }),
      'bad_settings',
    ],
    [
      'an address with a password',
      document({ sso: { 'HTTP-POST': 'https://a:b@idp.example/' } }),
      'bad_settings',
    ],
    [
      'an entity that was valid until now',
      document({ attributes: ' validUntil="2030-06-01T12:00:00Z"' }),
      'wrong_time',
    ],
    [
      'a provider that was valid until now',
      document({ descriptorAttributes: ' validUntil="2030-06-01T12:00:00Z"' }),
      'wrong_time',
    ],
    ['a validity that is no time', document({ attributes: ' validUntil="soon"' }), 'bad_settings'],
  ] as const)('refuses %s', (_, xml, fault) => expect(faultOf(xml)[0]).toBe(fault))
})

describe('mergeMetadata', () => {
  const current = { ...read(document()), metadata_url: 'https://idp.example/metadata', idp_initiated: true }
  const fetched = read(
    document({ certificates: [next, certificate], sso: { 'HTTP-POST': 'https://idp.example/new' } }),
  )

  it('takes over https what the document says, and keeps what administrators decided', () => {
    const { settings, changed, refused } = mergeMetadata(
      { ...current, slo_url: 'https://idp.example/slo', pending_certificates: [next] },
      fetched,
      true,
    )
    expect(settings).toEqual({
      ...current,
      ...fetched,
      metadata_url: 'https://idp.example/metadata',
      idp_initiated: true,
    })
    expect(changed.toSorted()).toEqual([
      'certificates',
      'pending_certificates',
      'slo_url',
      'sso_binding',
      'sso_url',
    ])
    expect(refused).toBeNull()
  })

  it('removes over https a certificate that is gone from the document', () => {
    const { settings } = mergeMetadata(
      { ...current, certificates: [certificate, next] },
      read(document({ certificates: [next] })),
      true,
    )
    expect(settings.certificates).toEqual([next])
  })

  it('lets certificates of an http address wait, and takes no endpoint from it', () => {
    const { settings, changed, refused } = mergeMetadata(current, fetched, false)
    expect(settings).toEqual({ ...current, pending_certificates: [next] })
    expect(changed).toEqual(['pending_certificates'])
    expect(refused).toContain('sso_url, sso_binding')
  })

  it('does not remove over http, and forgets what no longer waits', () => {
    const gone = mergeMetadata(
      { ...current, certificates: [certificate, next] },
      read(document({ certificates: [next] })),
      false,
    )
    expect(gone).toMatchObject({
      settings: { certificates: [certificate, next] },
      changed: [],
      refused: null,
    })
    const waits = { ...current, pending_certificates: [next] }
    expect(mergeMetadata(waits, read(document()), false)).toMatchObject({
      settings: current,
      changed: ['pending_certificates'],
    })
  })

  it('trusts no certificate of the first document of an http address', () => {
    const { settings } = mergeMetadata({ metadata_url: 'http://idp.example/metadata' }, fetched, false)
    expect(settings).toMatchObject({
      entity_id: ENTITY,
      certificates: [],
      pending_certificates: [next, certificate],
    })
  })

  it('keeps the endpoints of the first document of an http address while its certificates wait', () => {
    const url = { metadata_url: 'http://idp.example/metadata' }
    const first = mergeMetadata(
      url,
      read(document({ slo: { 'HTTP-POST': 'https://idp.example/slo' } })),
      false,
    )
    const { settings, refused } = mergeMetadata(
      first.settings,
      read(document({ certificates: [next], sso: { 'HTTP-Redirect': 'https://phish.example/sso' } })),
      false,
    )
    expect(settings).toEqual({ ...first.settings, pending_certificates: [next] })
    expect(refused).toContain('sso_url, slo_url, slo_binding')
    // also those that were entered by hand, whose entity id is not known yet
    const entered = { ...url, sso_url: 'https://idp.example/entered' }
    expect(mergeMetadata(entered, fetched, false).settings).toMatchObject({
      entity_id: ENTITY,
      sso_url: 'https://idp.example/entered',
      certificates: [],
    })
  })

  it('changes nothing for the same document', () => {
    for (const isSecure of [true, false])
      expect(mergeMetadata(current, read(document()), isSecure).changed).toEqual([])
  })
})
