/**
 * Vectors of others: the examples of the JOSE standards, and the groups of C2SP Wycheproof (`json_web_signature`,
 * `json_web_key`) built again with keys of this test, because Wycheproof signs texts that are no JWT.
 */
import {
  constants,
  createHash,
  createHmac,
  generateKeyPairSync,
  type JsonWebKey,
  type KeyObject,
  privateEncrypt,
  sign,
} from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { jwt } from '../index.ts'
import { JOSE_VECTORS, type JoseVector } from '../testing/jose-vectors.ts'
import { type Probe, probe } from '../testing/probe.ts'
import { type Algorithm, algorithmNamed } from './algorithms.ts'
import { localKeys } from './jwks.ts'
import { keyOfJwk } from './keys.ts'

const b64 = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

describe('the example of', () => {
  it.each(Object.keys(JOSE_VECTORS))('%s has the verdict of the standard', (name) => {
    const { alg, jwk, token, signature } = JOSE_VECTORS[name] as JoseVector
    const known = algorithmNamed(alg)
    if (jwk === null || known === null) {
      expect([signature, known]).toEqual(['invalid', null])
      return
    }
    const key = keyOfJwk(jwk.kty === 'oct' ? { ...jwk, alg } : jwk, undefined, true)
    const [head, body, tail = ''] = token.split('.')
    expect(key.isSignatureOf(`${head}.${body}`, Buffer.from(tail, 'base64url'))).toBe(signature === 'valid')
    expect(key.isSignatureOf(`${head}.${body}A`, Buffer.from(tail, 'base64url'))).toBe(false)
  })

  it.each(Object.keys(JOSE_VECTORS).filter((name) => JOSE_VECTORS[name]?.exp))(
    '%s is a token until it expires',
    async (name) => {
      const { alg, jwk, token, exp = 0 } = JOSE_VECTORS[name] as JoseVector
      let now = (exp - 10) * 1000
      const consumer = probe({
        methods: [
          jwt({
            jwks: { keys: [{ ...jwk, alg } as JsonWebKey] },
            issuer: 'joe',
            audience: null,
            principal: (claims) => ({ userId: claims.iss as string }),
          }),
        ],
        now: () => now,
      })
      expect((await consumer.bearer(token)).principal?.userId).toBe('joe')
      expect((await consumer.bearer(token.replace(/.$/, (last) => (last === 'A' ? 'E' : 'A')))).code).toBe(
        'INVALID_TOKEN',
      )
      now += 20_000
      expect((await consumer.bearer(token)).code).toBe('TOKEN_EXPIRED')
    },
  )

  it.each(['RFC 7515 A.5 (none)', 'RFC 7515 E (crit)'])('%s is refused with every key', async (name) => {
    const { token } = JOSE_VECTORS[name] as JoseVector
    const keys = Object.values(JOSE_VECTORS).flatMap(({ jwk, alg }) =>
      jwk ? [{ ...jwk, alg } as JsonWebKey] : [],
    )
    const consumer = probe({ methods: [jwt({ jwks: { keys }, issuer: null, audience: null })], now: () => 0 })
    expect((await consumer.bearer(token)).code).toBe('INVALID_TOKEN')
  })
})

/** A key pair for each algorithm, and how it signs. */
interface Signer {
  alg: Algorithm
  jwk: JsonWebKey
  sign(text: string, alg?: Algorithm): Buffer
}
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const curve = (namedCurve: string) => generateKeyPairSync('ec', { namedCurve })
const [p256, p384, p521] = [curve('P-256'), curve('P-384'), curve('P-521')]
const ed = generateKeyPairSync('ed25519')
const secret = Buffer.alloc(64, 7)
const hashOf = (alg: string): string => `sha${alg.slice(2)}`

function signatureOf(alg: Algorithm, text: string, key: KeyObject | Buffer): Buffer {
  const data = Buffer.from(text)
  if (Buffer.isBuffer(key)) return createHmac(hashOf(alg), key).update(data).digest()
  if (alg === 'EdDSA') return sign(null, data, key)
  if (alg.startsWith('ES')) return sign(hashOf(alg), data, { key, dsaEncoding: 'ieee-p1363' })
  const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
  return sign(hashOf(alg), data, alg.startsWith('PS') ? { key, ...pss } : key)
}
const signer = (alg: Algorithm, pair: { publicKey: KeyObject; privateKey: KeyObject } | null): Signer => ({
  alg,
  jwk: {
    ...(pair ? pair.publicKey.export({ format: 'jwk' }) : { kty: 'oct', k: secret.toString('base64url') }),
    alg,
    kid: `kid-${alg}`,
    use: 'sig',
  },
  sign: (text, other = alg) => signatureOf(other, text, pair?.privateKey ?? secret),
})
const SIGNERS: readonly Signer[] = [
  ...(['HS256', 'HS384', 'HS512'] as const).map((alg) => signer(alg, null)),
  ...(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'] as const).map((alg) => signer(alg, rsa)),
  signer('ES256', p256),
  signer('ES384', p384),
  signer('ES512', p521),
  signer('EdDSA', ed),
]
const CLAIMS = { iss: 'wycheproof', aud: 'api', sub: 'foo', exp: 4_000_000_000 }
const trusted = { issuer: 'wycheproof', audience: 'api' }
const verifierOf = (...jwks: JsonWebKey[]): Probe =>
  probe({ methods: [jwt({ jwks: { keys: jwks }, ...trusted })] })
const statusOf = async (consumer: Probe, token: string): Promise<number> =>
  (await consumer.bearer(token)).status

describe.each(SIGNERS.map((one) => [one.alg, one] as const))('Wycheproof, %s', (_alg, one) => {
  const { alg, jwk } = one
  const consumer = verifierOf(jwk)
  const head = b64({ alg, kid: jwk.kid })
  const body = b64(CLAIMS)
  const tail = one.sign(`${head}.${body}`).toString('base64url')
  const valid = `${head}.${body}.${tail}`
  const signed = (header: object, payload: unknown = CLAIMS, as: Algorithm = alg): string => {
    const text = `${b64(header)}.${b64(payload)}`
    return `${text}.${one.sign(text, as).toString('base64url')}`
  }

  it('acceptsValid', async () => {
    expect(await statusOf(consumer, valid)).toBe(200)
  })

  const flipped = (text: string): string => (text.startsWith('X') ? 'Y' : 'X') + text.slice(1)
  const malformed: Record<string, string> = {
    rejectsModifiedSignature: `${head}.${body}.${flipped(tail)}`,
    rejectsMissingSignature: `${head}.${body}.`,
    rejectsMissingSignatureAndSeparator: `${head}.${body}`,
    rejectsModifiedPayload: `${head}.${b64({ ...CLAIMS, sub: 'Xoo' })}.${tail}`,
    rejectsMissingPayload: `${head}..${tail}`,
    rejectsMissingPayloadAndSeparator: `${head}.${tail}`,
    rejectsModifiedHeader: `${b64({ alg, kid: `X${jwk.kid}` })}.${body}.${tail}`,
    rejectsMissingHeader: `.${body}.${tail}`,
    rejectsMissingHeaderAndSeparator: `${body}.${tail}`,
    rejectsMissingHeaderAndSignature: `.${body}.`,
    rejectsMissingHeaderSignatureAndSeparators: body,
    rejectsExtraEmptyComponent: `${valid}.`,
    rejectsExtraComponent: `${valid}.foo`,
    rejectsNoneAlgorithmAndMissingSignature: `${b64({ alg: 'none', kid: jwk.kid })}.${body}.`,
    rejectsNoneAlgorithm: `${b64({ alg: 'none', kid: jwk.kid })}.${body}.${tail}`,
    rejectsValidJsonSerialization: JSON.stringify({
      payload: body,
      signatures: [{ protected: head, header: { unknown: 'untrustworthy' }, signature: tail }],
    }),
    rejectsValidFlattenedSerialization: JSON.stringify({ payload: body, protected: head, signature: tail }),
    rejectsTruncatedSignature: `${head}.${body}.${tail.slice(0, -4)}`,
    rejectsSpaces: `${head}.${body}. ${tail}`,
    rejectsLineBreak: `${head}.${body}.${tail.slice(0, 10)}\u00a0${tail.slice(10)}`,
    rejectsPadding: `${head}=.${body}.${tail}`,
    rejectsAttackerProvidedEmbeddedJwk: (() => {
      const own = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      const text = `${b64({ alg: 'ES256', kid: jwk.kid, jwk: own.publicKey.export({ format: 'jwk' }) })}.${body}`
      return `${text}.${signatureOf('ES256', text, own.privateKey).toString('base64url')}`
    })(),
  }
  it.each(Object.keys(malformed))('%s', async (name) => {
    const response = await consumer.bearer(malformed[name] ?? '')
    // a comma separates two fields (RFC 9110 §5.3), of which only one is allowed
    expect([response.status, response.principal]).toEqual([malformed[name]?.includes(',') ? 400 : 401, null])
  })

  it('WrongPrimitive: a signature by any other algorithm, named or not', async () => {
    for (const other of SIGNERS) {
      if (other.alg === alg) continue
      // its own name with a signature of the other, and the name of the other
      const text = `${head}.${body}`
      const crossed = `${text}.${other.sign(text).toString('base64url')}`
      const named = `${b64({ alg: other.alg, kid: jwk.kid })}.${body}`
      expect([other.alg, await statusOf(consumer, crossed)]).toEqual([other.alg, 401])
      expect([
        other.alg,
        await statusOf(consumer, `${named}.${other.sign(named).toString('base64url')}`),
      ]).toEqual([other.alg, 401])
    }
  })

  it('the key: its use, operations and algorithm bind it', async () => {
    const unusable = [{ use: 'enc' }, { key_ops: ['encrypt'] }, { key_ops: ['sign'] }, { use: 'ENC' }]
    for (const more of unusable)
      expect(() => localKeys([{ ...jwk, ...more } as JsonWebKey])).toThrow(TypeError)
    for (const other of SIGNERS) {
      if (other.alg === alg) continue
      const rebound = { ...jwk, alg: other.alg } as JsonWebKey
      // a key of another family is refused when it is loaded, one of the same family verifies only its algorithm
      const made = (): Probe => verifierOf(rebound)
      if (jwk.kty !== other.jwk.kty || jwk.crv !== other.jwk.crv) expect(made).toThrow(TypeError)
      else expect([other.alg, await statusOf(made(), valid)]).toEqual([other.alg, 401])
    }
    expect(await statusOf(verifierOf({ ...jwk, key_ops: ['verify'] } as JsonWebKey), valid)).toBe(200)
  })

  it('a kid that no key has is refused, and one is not needed for a single key', async () => {
    expect(await statusOf(consumer, signed({ alg, kid: 'other' }))).toBe(401)
    expect(await statusOf(consumer, signed({ alg }))).toBe(200)
  })
})

describe('Wycheproof, symmetry confusion', () => {
  const publics: Record<string, { publicKey: KeyObject; alg: Algorithm }> = {
    RS256: { publicKey: rsa.publicKey, alg: 'RS256' },
    ES256: { publicKey: p256.publicKey, alg: 'ES256' },
    EdDSA: { publicKey: ed.publicKey, alg: 'EdDSA' },
  }
  it.each(Object.keys(publics))(
    'rejectsSymmetryConfusionAttacks: an HMAC with the public %s key in any form',
    async (name) => {
      const { publicKey, alg } = publics[name] as { publicKey: KeyObject; alg: Algorithm }
      const jwk = publicKey.export({ format: 'jwk' })
      const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString()
      const der = publicKey.export({ type: 'spki', format: 'der' })
      const parts = [jwk.n, jwk.e, jwk.x, jwk.y].flatMap((part) =>
        part ? [Buffer.from(part, 'base64url')] : [],
      )
      const guesses = [
        pem,
        pem.trim(),
        pem.replace(/-----[A-Z ]+-----|\s/g, ''),
        der,
        JSON.stringify(jwk),
        ...parts,
        Buffer.concat(parts),
        '',
      ]
      const consumer = verifierOf({ ...jwk, alg, kid: 'k' } as JsonWebKey)
      const unnamed = verifierOf({ ...jwk, kid: 'k' } as JsonWebKey)
      for (const hmac of ['HS256', 'HS384', 'HS512'] as const)
        for (const guess of guesses) {
          const text = `${b64({ alg: hmac, kid: 'k' })}.${b64(CLAIMS)}`
          const token = `${text}.${createHmac(hashOf(hmac), guess).update(text).digest('base64url')}`
          expect([await statusOf(consumer, token), await statusOf(unnamed, token)]).toEqual([401, 401])
        }
    },
  )
})

describe('Wycheproof, ModifiedPadding (PKCS #1 v1.5)', () => {
  const text = `${b64({ alg: 'RS256', kid: 'k' })}.${b64(CLAIMS)}`
  const consumer = verifierOf({
    ...rsa.publicKey.export({ format: 'jwk' }),
    alg: 'RS256',
    kid: 'k',
  } as JsonWebKey)
  const digest = createHash('sha256').update(text).digest()
  const INFO = Buffer.from('3031300d060960864801650304020105000420', 'hex')
  const WITHOUT_NULL = Buffer.from('302f300b0609608648016503040201 0420'.replace(' ', ''), 'hex')
  const bytes = (count: number, value = 0xff): Buffer => Buffer.alloc(count, value)
  const block = (type: number, padding: Buffer, rest: Buffer): Buffer =>
    Buffer.concat([Buffer.from([0, type]), padding, Buffer.from([0]), rest])
  const withInfo = Buffer.concat([INFO, digest])
  const room = 256 - 3 - withInfo.length
  const tokenOf = (encoded: Buffer): string => {
    const raw = privateEncrypt({ key: rsa.privateKey, padding: constants.RSA_NO_PADDING }, encoded)
    return `${text}.${raw.toString('base64url')}`
  }

  it('accepts the block that the standard prescribes (RFC 8017 §9.2)', async () => {
    expect(await statusOf(consumer, tokenOf(block(1, bytes(room), withInfo)))).toBe(200)
  })

  const wrong: Record<string, Buffer> = {
    'the type of encryption': block(2, bytes(room), withInfo),
    'the type 0': block(0, bytes(room, 0), withInfo),
    'zeroes as padding': block(1, bytes(room, 0), withInfo),
    'a changed byte of the padding': block(1, Buffer.concat([bytes(room - 1), bytes(1, 0xfe)]), withInfo),
    'short padding and garbage after the digest (Bleichenbacher 2006)': block(1, bytes(8), Buffer.concat([withInfo, bytes(room - 8, 0xaa)])),
    'no padding': Buffer.concat([bytes(room + 3, 0), withInfo]),
    'no NULL in the algorithm': block(1, bytes(256 - 3 - WITHOUT_NULL.length - 32), Buffer.concat([WITHOUT_NULL, digest])),
    'no algorithm': block(1, bytes(256 - 3 - 32), digest),
    'another digest': block(1, bytes(room), Buffer.concat([INFO, createHash('sha256').update('x').digest()])),
  } // biome-ignore format: a table
  it.each(Object.keys(wrong))('refuses %s', async (name) => {
    expect(await statusOf(consumer, tokenOf(wrong[name] as Buffer))).toBe(401)
  })
})

describe('Wycheproof, edge cases of ECDSA and RSA', () => {
  const ORDER = BigInt('0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551')
  const text = `${b64({ alg: 'ES256', kid: 'k' })}.${b64(CLAIMS)}`
  const consumer = verifierOf({
    ...p256.publicKey.export({ format: 'jwk' }),
    alg: 'ES256',
    kid: 'k',
  } as JsonWebKey)
  const number = (value: bigint, length = 32): Buffer =>
    Buffer.from(value.toString(16).padStart(length * 2, '0'), 'hex')
  const good = signatureOf('ES256', text, p256.privateKey)
  const [r, s] = [good.subarray(0, 32), good.subarray(32)]

  const pairs: Record<string, Buffer> = {
    'r = 0': Buffer.concat([number(0n), s]),
    's = 0': Buffer.concat([r, number(0n)]),
    'r = s = 0': Buffer.alloc(64),
    'r = s = 1': Buffer.concat([number(1n), number(1n)]),
    'r = n': Buffer.concat([number(ORDER), s]),
    's = n': Buffer.concat([r, number(ORDER)]),
    'r and s swapped': Buffer.concat([s, r]),
    'all bits set': Buffer.alloc(64, 0xff),
    'DER': sign('sha256', Buffer.from(text), p256.privateKey),
    'a zero in front of each half': Buffer.concat([Buffer.alloc(1), r, Buffer.alloc(1), s]),
    'the first half alone': r,
    'the length of P-384': Buffer.concat([number(0n, 16), r, number(0n, 16), s]),
  } // biome-ignore format: a table
  it.each(Object.keys(pairs))('refuses %s', async (name) => {
    expect(await statusOf(consumer, `${text}.${(pairs[name] as Buffer).toString('base64url')}`)).toBe(401)
  })

  const weak: Record<string, JsonWebKey> = {
    'an RSA key of 1,024 bits': generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' }),
    'an RSA key of 2,047 bits': { kty: 'RSA', e: 'AQAB', n: Buffer.from(`7f${'ff'.repeat(255)}`, 'hex').toString('base64url') },
    'an RSA key with the exponent 1': { ...rsa.publicKey.export({ format: 'jwk' }), e: 'AQ' },
    'an RSA key with the exponent 3': generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 3 }).publicKey.export({ format: 'jwk' }),
    'an RSA key with an even exponent': { ...rsa.publicKey.export({ format: 'jwk' }), e: 'AQAC' },
    'a point that is not on the curve': { ...p256.publicKey.export({ format: 'jwk' }), y: Buffer.alloc(32, 1).toString('base64url') },
    'a key on secp256k1': curve('secp256k1').publicKey.export({ format: 'jwk' }),
    'an Ed448 key': generateKeyPairSync('ed448').publicKey.export({ format: 'jwk' }),
    'an X25519 key': generateKeyPairSync('x25519').publicKey.export({ format: 'jwk' }),
    'a secret of 31 bytes': { kty: 'oct', alg: 'HS256', k: Buffer.alloc(31, 1).toString('base64url') },
    'a private key': p256.privateKey.export({ format: 'jwk' }),
    'no key': { kty: 'EC', crv: 'P-256' },
  } // biome-ignore format: a table
  it.each(Object.keys(weak))('refuses %s', (name) => {
    expect(() => localKeys([weak[name] as JsonWebKey])).toThrow()
  })
})
