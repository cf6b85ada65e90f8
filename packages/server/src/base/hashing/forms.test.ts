import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { BOUNDS } from './algorithms.ts'
import { FORMS, readHash } from './forms.ts'
import { createHashing } from './index.ts'
import { HashRefused } from './refusal.ts'
import { CHEAP, VECTORS } from './testing.ts'

const hashing = await createHashing(CHEAP)
/** Rows that refuse every text that they match. */
const REFUSING = ['bcrypt-2x', 'unsound']

describe('imported hashes', () => {
  test.each(VECTORS)('%s, %s: match, and are outdated', async (form, _, password, stored) => {
    expect(await hashing.examine(stored)).toMatchObject({ form })
    expect(await hashing.verify(stored, password)).toEqual({ matches: true, outdated: true })
  })

  test.each(VECTORS)('%s, %s: refuse other passwords', async (_, __, password, stored) => {
    for (const other of [`${password}.`, `${password}\0`])
      expect(await hashing.verify(stored, other)).toEqual({ matches: false, outdated: false })
  })

  test('have a vector for every row of the table', () => {
    const covered = new Set(VECTORS.map(([form]) => form))
    expect(FORMS.map(({ name }) => name).filter((name) => !covered.has(name))).toEqual(REFUSING)
    expect(new Set(FORMS.map(({ name }) => name)).size).toBe(FORMS.length)
  })

  test('match the empty password if it was hashed', async () => {
    const stored =
      '$6$saltstring$kyGrqt6gmjAdtFLPrflEFifSYLCWWq1pyx95SvqinLDy2UHmj0sTF0MSLMwxPFZc3tu5kQckI8fks0zOPda3n1'
    expect((await hashing.verify(stored, '')).matches).toBe(true)
  })

  test('of a password without normalization match, and are outdated', async () => {
    const decomposed = 'le\u0300tmein'
    const { hash } = await import('@node-rs/argon2')
    const stored = await hash(decomposed, { memoryCost: 1024, timeCost: 2, parallelism: 1 })
    expect(await hashing.verify(stored, decomposed)).toEqual({ matches: true, outdated: true })
  })

  test('that cannot be read match nothing and are logged without the hash', async () => {
    const warn = vi.fn()
    const logged = await createHashing({ ...CHEAP, log: { warn } })
    for (const stored of [
      '',
      'plain',
      '{SSHA}0c0ZHpOQZqfK',
      '$argon2id$v=19$broken',
      '$2b$99$x',
      '5f4dcc3b5aa765d61d8327deb882cf99',
    ]) {
      expect(await logged.verify(stored, 'password')).toEqual({ matches: false, outdated: false })
    }
    expect(warn).toHaveBeenCalledTimes(6)
    expect(JSON.stringify(warn.mock.calls)).not.toContain('5f4dcc3b5aa765d61d')
  })

  test('are weak where many guesses a second are possible', async () => {
    const weak = async (stored: string) => (await hashing.examine(stored)).weak
    expect(await weak('{SSHA}Q4EObD+/kDE7NucXs+1LgReBUVgp0yTR')).toBe(true)
    expect(await weak('$1$abcdefgh$y6iHhJNbuC0xpbk0w9pm80')).toBe(true)
    expect(await weak('$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0')).toBe(true)
    expect(await weak('$2y$04$SqPFFJOgOy2EXIBp04ZpbupRCfOsu3h4.k2upknVYJtEmuly1stw2')).toBe(true)
    expect(await weak('$2y$10$ku2Gy22F240O5jDrF8bdQusB0/3KHIXIsoHcJo0DMAsnRoNQXXB0C')).toBe(false)
  })
})

const KEY = 'CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc'
const BCRYPT = 'If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i'
const keycloak = (algorithm: string, hashIterations: number, more: object = {}) =>
  JSON.stringify({
    credentialData: JSON.stringify({ hashIterations, algorithm, additionalParameters: more }),
    secretData: JSON.stringify({ value: `${KEY}=`, salt: 'c29tZXNhbHQ=' }),
  })
const aspNet = (rounds: number) => {
  const blob = Buffer.alloc(13 + 16 + 32, 1)
  blob.writeUInt32BE(1, 1)
  blob.writeUInt32BE(rounds, 5)
  blob.writeUInt32BE(16, 9)
  return blob.toString('base64')
}

describe('refused without computation', () => {
  // biome-ignore format: a table
  test.each([
    ['4 GiB of memory', 'too_costly', `$argon2id$v=19$m=4194304,t=1,p=1$c29tZXNhbHQ$${KEY}`],
    ['a million passes', 'too_costly', `$argon2id$v=19$m=19456,t=1000000,p=1$c29tZXNhbHQ$${KEY}`],
    ['4 GiB of memory, OpenLDAP', 'too_costly', `{ARGON2}$argon2i$v=19$m=4194304,t=1,p=1$c29tZXNhbHQ$${KEY}`],
    ['4 GiB of memory, Keycloak', 'too_costly', keycloak('argon2', 1, { memory: ['4194304'] })],
    ['a billion rounds, Keycloak', 'too_costly', keycloak('pbkdf2-sha256', 1_000_000_000)],
    ['bcrypt of cost 31', 'too_costly', `$2b$31$${BCRYPT}`],
    ['bcrypt of cost 31, LDAP', 'too_costly', `{BCRYPT}$2b$31$${BCRYPT}`],
    ['scrypt of 16 GiB', 'too_costly', `$scrypt$ln=24,r=8,p=1$c29tZXNhbHQ$${KEY}`],
    ['scrypt of N = 2^30', 'too_costly', 'scrypt:1073741824:8:1$seasalt$8901c14416ecc147a14d315612a9340480408236610eba7df40ec36c37c5c55d'],
    ['scrypt of many lanes', 'too_costly', `$scrypt$ln=14,r=8,p=9999$c29tZXNhbHQ$${KEY}`],
    ['scrypt of N = 2^30, Auth0', 'too_costly', `{"algorithm":"scrypt","hash":{"value":"${'ab'.repeat(64)}"},"salt":{"value":"x"},"cost":1073741824}`],
    ['scrypt of no power of two', 'malformed', 'scrypt:32769:8:1$seasalt$8901c14416ecc147a14d315612a9340480408236610eba7df40ec36c37c5c55d'],
    ['a billion rounds', 'too_costly', 'pbkdf2_sha256$999999999$seasalt$JgZryXe2Ga8ysg6XbzkLpTdyPQrHqsinbL9BnnhgX4A='],
    ['a billion rounds, LDAP', 'too_costly', `{PBKDF2-SHA256}1000000000$c29tZXNhbHQ$${KEY}`],
    ['four billion rounds, ASP.NET', 'too_costly', aspNet(0xffffffff)],
    ['a million rounds of a key of many blocks', 'too_costly', `$pbkdf2-sha1$1000000$c29tZXNhbHQ$${Buffer.alloc(256, 1).toString('base64')}`],
    ['two million rounds', 'too_costly', `$6$rounds=2000000$saltstring$${'a'.repeat(86)}`],
    ['2^30 rounds of Drupal', 'too_costly', `$S$Sabcdefgh${'a'.repeat(43)}`],
    ['2^30 rounds of phpass', 'too_costly', `$P$Sabcdefgh${'a'.repeat(22)}`],
    ['no rounds of phpass', 'malformed', `$P$.abcdefgh${'a'.repeat(22)}`],
    ['SHA-crypt cut short', 'malformed', '$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjlO'],
    ['Firebase of 16 GiB', 'malformed', '$fbscrypt$v=1,n=24,r=8,p=1,sk=jxspr8Ki0RYycVU8zykbdA==$42xEC+ixf3L2lw==$jxspr8Ki0RYycVU8zykb'],
    ['Firebase of N = 2^30', 'too_costly', '$fbscrypt$v=1,n=30,r=8,p=1,sk=jxspr8Ki0RYycVU8zykbdA==$42xEC+ixf3L2lw==$jxspr8Ki0RYycVU8zykbdA=='],
    ['Firebase without a signer key', 'unknown', '$fbscrypt$v=1,n=14,r=8,p=1$42xEC+ixf3L2lw==$jxspr8Ki0RYycVU8zykbdA=='],
    ['a key of one byte', 'malformed', '$pbkdf2-sha256$1000$c29tZXNhbHQ$AA'],
    ['MD4, as Auth0 writes it', 'unknown', '$pbkdf2-md4$i=100000,l=64$+N375B8q0Fw$fp2R9KAM4hK/votGHC5Fu+jhqbxUD8+Nic/EMSGvNC3UP/k7wSHI0uXluHRSkZfl/BOheYqNOemayG90ZaSSQw'],
    ['an unknown digest', 'unknown', '$pbkdf2-md5$1000$c29tZXNhbHQ$EV9CvKU4sYU5aNy9B2.qln4Epxg'],
    ['a hash of 2 kB', 'unknown', `$2b$05$${'a'.repeat(2048)}`],
    ['bcrypt of cost 3', 'malformed', `$2b$03$${BCRYPT}`],
    ['bcrypt cut short', 'unknown', '$2b$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0'],
    ['bcrypt of a salt of 132 bits', 'unknown', '$2b$06$If6bvum7DFjUnE9p2uDeDv0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i'],
    ['bcrypt 2x', 'bcrypt_2x', `$2x$06$${BCRYPT}`],
    ['bcrypt 2x, LDAP', 'bcrypt_2x', `{CRYPT}$2x$06$${BCRYPT}`],
    ['plain text', 'unknown', 'secret'],
    ['yescrypt', 'unknown', '$y$j9T$abcdefghijklmnop$qwertyuiopasdfghjklzxcvbnmqwertyuiopasdfgh.'],
    ['DES', 'unknown', '{CRYPT}rEK1ecacw.7.c'],
    ['MD5 without salt', 'unsound', '5f4dcc3b5aa765d61d8327deb882cf99'],
    ['SHA without salt', 'unsound', '{SHA}uJ6qx+YUFzQbcQtyd2gpTQ5qJ3s='],
    ['Django md5', 'unsound', 'md5$seasalt$3f86d0d3d465b7b458c231bf3555c0e3'],
    ['Auth0 md4', 'unsound', '{"algorithm":"md4","hash":{"value":"AbuUujgF0pPPkJPSFRTpmA==","encoding":"base64"}}'],
    ['Auth0 sha256 without salt', 'unsound', `{"algorithm":"sha256","hash":{"value":"${'ab'.repeat(32)}"}}`],
    ['SSHA without salt', 'unsound', '{SSHA}uJ6qx+YUFzQbcQtyd2gpTQ5qJ3s='],
    ['Auth0 inside Auth0', 'unknown', '{"algorithm":"bcrypt","hash":{"value":"{\\"algorithm\\":\\"bcrypt\\"}"}}'],
    ['JSON without a hash', 'malformed', '{"credentialData":"{}","secretData":"{}"}'],
  ])('%s: %s', async (_, code, stored) => {
    await expect(readHash(stored, BOUNDS)).rejects.toMatchObject({ name: 'HashRefused', code })
  })

  const altered = fc
    .tuple(fc.constantFrom(...VECTORS), fc.nat(), fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }))
    .map(([[, , , stored], at, letter]) => {
      const place = at % stored.length
      return stored.slice(0, place) + letter + stored.slice(place + 1)
    })
  const prefixed = fc
    .tuple(fc.constantFrom(...VECTORS), fc.nat(20), fc.string())
    .map(([[, , , stored], kept, rest]) => stored.slice(0, kept) + rest)

  test('garbage, and hashes with one character changed, are read or refused and nothing else', async () => {
    const texts = fc.oneof(altered, prefixed, fc.string(), fc.string({ unit: 'binary' }), fc.json())
    await fc.assert(
      fc.asyncProperty(texts, async (stored) => {
        const outcome = await readHash(stored, BOUNDS).catch((error: unknown) => error)
        expect(
          outcome instanceof HashRefused || typeof (outcome as { check: unknown }).check === 'function',
        ).toBe(true)
      }),
      { numRuns: 2000 },
    )
  })

  test('no other password matches, nor the right one a hash whose last field changed', async () => {
    const cheap = VECTORS.filter(([form]) =>
      /^(?:ldap-salted|phpass|md5-crypt|werkzeug-pbkdf2|passlib|aspnet)/.test(form),
    )
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...cheap),
        fc.string({ maxLength: 80 }),
        async ([, , password, stored], other) => {
          fc.pre(other.normalize('NFKC') !== password)
          expect((await hashing.verify(stored, other)).matches).toBe(false)
        },
      ),
      { numRuns: 100 },
    )
  })
})
