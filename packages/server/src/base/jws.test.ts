/** Signatures of others: the vectors of RFC 7515, RFC 7638 and RFC 8037, and what is refused by its form or its key. */
import { createHmac, createPublicKey, generateKeyPairSync, type JsonWebKey, sign } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { appKey, encoded, signatureOf } from '../testing/app-keys.ts'
import {
  isKeyFor,
  isPrivateJwk,
  isSignedBy,
  JWS_ALGORITHMS,
  jwsAlgorithm,
  publicKeyFault,
  readJws,
  readPublicJwk,
  thumbprintOf,
} from './jws.ts'

const publicOf = (jwk: JsonWebKey) => createPublicKey({ key: jwk, format: 'jwk' })

// biome-ignore format: vectors
const VECTORS = {
  'RFC 7515 A.2': ['RS256',
    { kty: 'RSA', e: 'AQAB', n: 'ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ' },
    'eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw'],
  'RFC 7515 A.3': ['ES256',
    { kty: 'EC', crv: 'P-256', x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU', y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0' },
    'eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q'],
} as const
const FORMS = {
  'RFC 7515 A.5 (none)':
    'eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.',
  'RFC 7515 E (crit)':
    'eyJhbGciOiJub25lIiwNCiAiY3JpdCI6WyJodHRwOi8vZXhhbXBsZS5jb20vVU5ERUZJTkVEIl0sDQogImh0dHA6Ly9leGFtcGxlLmNvbS9VTkRFRklORUQiOnRydWUNCn0.RkFJTA.',
  'claims that are no object': `${encoded({ alg: 'ES256' })}.${encoded([1])}.AAAA`,
  'claims that are no JSON': `${encoded({ alg: 'ES256' })}.AAAA.AAAA`,
  'four parts': 'e30.e30.AAAA.AAAA',
  padding: 'e30=.e30.AAAA',
  'a second spelling of the last byte': 'e30.e30.AAB',
  nothing: '',
}

it.each(Object.entries(VECTORS))('%s is verified, and no changed text of it', (_name, [alg, jwk, token]) => {
  const jws = readJws(token)
  if (jws === null) throw new Error('not read')
  const key = publicOf(jwk)
  expect(jws.claims.iss).toBe('joe')
  expect(isSignedBy(jws, alg, key)).toBe(true)
  expect(isSignedBy({ ...jws, signed: `${jws.signed}A` }, alg, key)).toBe(false)
  expect(isSignedBy({ ...jws, signature: jws.signature.subarray(1) }, alg, key)).toBe(false)
  for (const other of JWS_ALGORITHMS) if (other !== alg) expect(isSignedBy(jws, other, key)).toBe(false)
})

it.each(Object.entries(FORMS))('%s is no signed JWT', (_name, token) => expect(readJws(token)).toBeNull())

it.each(JWS_ALGORITHMS)('%s is verified by its key alone', (alg) => {
  const [key, other] = [appKey(alg), appKey(alg)]
  const jws = readJws(key.sign({}, { n: 1 }))
  if (jws === null) throw new Error('not read')
  expect(isSignedBy(jws, alg, publicOf(key.jwk))).toBe(true)
  expect(isSignedBy(jws, alg, publicOf(other.jwk))).toBe(false)
})

describe('a key', () => {
  it('has the thumbprint of RFC 7638 §3.1, and that of RFC 8037 A.3', () => {
    const n =
      '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw'
    expect(thumbprintOf(publicOf({ kty: 'RSA', n, e: 'AQAB' }))).toBe(
      'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs',
    )
    const x = '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo'
    expect(thumbprintOf(publicOf({ kty: 'OKP', crv: 'Ed25519', x }))).toBe(
      'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k',
    )
  })

  it('is for the algorithms of its kind', () => {
    const ec = publicOf(appKey('ES256').jwk)
    expect(JWS_ALGORITHMS.filter((alg) => isKeyFor(ec, alg))).toEqual(['ES256'])
    const rsa = publicOf(appKey('RS256').jwk)
    expect(JWS_ALGORITHMS.filter((alg) => isKeyFor(rsa, alg))).toEqual(['RS256', 'PS256'])
    const ed = publicOf(appKey('EdDSA').jwk)
    expect(JWS_ALGORITHMS.filter((alg) => isKeyFor(ed, alg))).toEqual(['EdDSA'])
  })

  it('that proves nothing, or costs too much, is refused', () => {
    const faultOf = (publicKey: Parameters<typeof publicKeyFault>[0]) => publicKeyFault(publicKey)
    const { publicKey: short } = generateKeyPairSync('rsa', { modulusLength: 1024 })
    const { publicKey: curve } = generateKeyPairSync('ec', { namedCurve: 'secp256k1' })
    const { publicKey: other } = generateKeyPairSync('ed448')
    expect([short, curve, other].map(faultOf)).not.toContain(null)
    const { n = '' } = appKey('RS256').jwk
    // 1, 3, an even one, and one of 2,048 bits
    for (const e of ['AQ', 'Aw', 'AQAA', n]) {
      const key = readPublicJwk({ kty: 'RSA', n, e })
      expect(key === null || publicKeyFault(key) !== null, e).toBe(true)
    }
    expect(readPublicJwk({ kty: 'oct', k: 'AAAA' })).toBeNull()
    expect(readPublicJwk({ kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA' })).toBeNull()
  })

  it('is private by any of its private members', () => {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    expect(isPrivateJwk(privateKey.export({ format: 'jwk' }))).toBe(true)
    expect(isPrivateJwk(publicKey.export({ format: 'jwk' }))).toBe(false)
    expect(isPrivateJwk({ kty: 'oct', k: '' })).toBe(true)
  })
})

describe('of the header', () => {
  it('no name but those of the list is an algorithm', () => {
    expect([...JWS_ALGORITHMS].map(jwsAlgorithm)).toEqual([...JWS_ALGORITHMS])
    expect(jwsAlgorithm('Ed25519')).toBe('EdDSA')
    for (const name of [
      'none',
      'None',
      'nOnE',
      '',
      'HS256',
      'es256',
      'ES256K',
      'RS512',
      null,
      undefined,
      ['ES256'],
      1,
    ])
      expect(jwsAlgorithm(name)).toBeNull()
  })

  it('a symmetric algorithm with a public key as its secret is none', () => {
    const key = appKey('RS256')
    const pem = publicOf(key.jwk).export({ type: 'spki', format: 'pem' })
    const text = `${encoded({ alg: 'HS256' })}.${encoded({})}`
    const jws = readJws(`${text}.${createHmac('sha256', pem).update(text).digest('base64url')}`)
    expect(jwsAlgorithm(jws?.header.alg)).toBeNull()
    for (const alg of JWS_ALGORITHMS) expect(jws && isSignedBy(jws, alg, publicOf(key.jwk))).toBe(false)
  })

  it('a signature in DER is none of ES256', () => {
    const key = appKey('ES256')
    const text = `${encoded({ alg: 'ES256' })}.${encoded({})}`
    const der = sign('sha256', Buffer.from(text), key.privateKey)
    const raw = signatureOf('ES256', key.privateKey, text)
    const verdicts = [der, raw].map((signature) => {
      const jws = readJws(`${text}.${signature.toString('base64url')}`)
      return jws !== null && isSignedBy(jws, 'ES256', publicOf(key.jwk))
    })
    expect(verdicts).toEqual([false, true])
  })
})
