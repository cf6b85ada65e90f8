import { describe, expect, test, vi } from 'vitest'
import { Problem } from '../errors.ts'
import { BOUNDS, readHash } from './forms.ts'
import { createHashing, type HashingOptions } from './index.ts'
import { createGate } from './queue.ts'

const options: HashingOptions = {
  algorithm: 'argon2id',
  argon2MemoryKib: 1024,
  argon2Passes: 2,
  bcryptCost: 5,
  queue: 100,
  concurrency: 2,
}
const hashing = await createHashing(options)

// Test vectors of other implementations: the Argon2 reference code, libxcrypt, RFC 7914 §12, hashlib of Python,
// the specification of SHA-crypt (and OpenSSL), the example of Firebase.
// biome-ignore format: a table
const FOREIGN: readonly [name: string, password: string, stored: string][] = [
  ['argon2i',               'password',       '$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA'],
  ['argon2i, version 16',   'password',       '$argon2i$m=65536,t=2,p=1$c29tZXNhbHQ$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ'],
  ['argon2id',              'password',       '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc'],
  ['argon2d',               'password',       '$argon2d$v=19$m=256,t=2,p=1$c29tZXNhbHQ$JcTui6RIBUtJ78gE5Hi52CO+H5vS6Z9R1uxAB6OhUB8'],
  ['bcrypt 2a',             'abc',            '$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i'],
  ['bcrypt 2y',             'rasmuslerdorf',  '$2y$07$BCryptRequires22Chrcte/VlQH0piJtjXl.0t1XkA8pw9dMXTpOq'],
  ['bcrypt 2b',             'abc',            '$2b$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i'],
  ['bcrypt 2x',             'abc',            '$2x$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i'],
  ['scrypt, PHC',           'pleaseletmein',  '$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofLVQylVYT8Pz2LUlwUkKpr55h6F3A1lHkDfzwF7RVdYhw'],
  ['PBKDF2, PHC',           'password',       '$pbkdf2-sha256$i=1000,l=32$c29tZXNhbHQxMjM0NTY3OA$UVU0bBjn23nqieo6m4O1vg6ncz2xffKg6dXMzXCtZ4E'],
  ['PBKDF2, passlib',       'password',       '$pbkdf2-sha512$1000$c29tZXNhbHQxMjM0NTY3OA$3rR/v0MMKEa6IoobirvnRg2w.QjhpOU8D/JuOAK4T6mc51/ZhjUzmFUGOkqXqfnUnh7.LIag9YgOHJCiwqY9HA'],
  ['PBKDF2-SHA1, passlib',  'password',       '$pbkdf2$1000$c29tZXNhbHQxMjM0NTY3OA$EV9CvKU4sYU5aNy9B2.qln4Epxg'],
  ['PBKDF2, Django',        'lètmein',        'pbkdf2_sha256$1000$seasalt$JgZryXe2Ga8ysg6XbzkLpTdyPQrHqsinbL9BnnhgX4A='],
  ['PBKDF2-SHA1, Django',   'lètmein',        'pbkdf2_sha1$1000$seasalt$ljleU4wBmTtz/MoG5YTwxpM0d7I='],
  ['scrypt, Django',        'lètmein',        'scrypt$16384$seasalt$8$1$Qj3+9PPyRjSJIebHnG81TMjsqtaIGxNQG/aEB/NYafTJ7tibgfYz71m0ldQESkXFRkdVCBhhY8mx7rQwite/Pw=='],
  ['argon2, Django',        'password',       'argon2$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc'],
  ['bcrypt, Django',        'abc',            'bcrypt$$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i'],
  ['bcrypt_sha256, Django', 'password',       'bcrypt_sha256$$2b$04$Y42H054vK3iF802D5JxqJOEKdtom5NtpPq/VfwMjImTwLsw48WlfK'],
  ['SHA-512, crypt(3)',     'Hello world!',   '$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1'],
  ['SHA-512 of more rounds', 'Hello world!',  '$6$rounds=10000$saltstringsaltst$OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v.'],
  ['SHA-512, a full salt',  'a short string', '$6$rounds=123456$asaltof16chars..$BtCwjqMJGx5hrJhZywWvt0RLE8uZ4oPwcelCjmw2kSYu.Ec6ycULevoBK25fs2xXgMNrCzIMVcgEJAstJeonj1'],
  ['SHA-256, crypt(3)',     'Hello world!',   '$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5'],
  ['SHA-256 of more rounds', 'we have a short salt string but not a short password', '$5$rounds=77777$short$JiO1O3ZpDAxGJeaDIuqCoEFysAe1mZNJRs3pw0KQRd/'],
  ['SHA-256 of a cut salt', 'Hello world!',   '$5$rounds=10000$saltstringsaltstring$3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA'],
  ['scrypt, Firebase',      'user1password',  '$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==$42xEC+ixf3L2lw==$lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ=='],
  ['PBKDF2, Werkzeug',      'password',       'pbkdf2:sha256:1000$seasalt$6085a4b7a3352455eb1e0e6cd2366305273b0b60b3e90bdc85227487c63e8bb7'],
  ['scrypt, Werkzeug',      'password',       'scrypt:32768:8:1$seasalt$8901c14416ecc147a14d315612a9340480408236610eba7df40ec36c37c5c55d9582f128a29a9a39183c503f89603fcc77c486e1f8c43e96bf85f85382cb7198'],
]

describe('new hashes', () => {
  test('match their password, and no other', async () => {
    const stored = await hashing.hash('correct horse battery staple')
    expect(stored).toMatch(/^\$argon2id\$v=19\$m=1024,t=2,p=1\$/)
    expect(await hashing.verify(stored, 'correct horse battery staple')).toEqual({
      matches: true,
      outdated: false,
    })
    expect(await hashing.verify(stored, 'correct horse battery stapler')).toEqual({
      matches: false,
      outdated: false,
    })
  })

  test('match all normalization forms of the password', async () => {
    const stored = await hashing.hash('Ångström ﬁnd ２３')
    expect((await hashing.verify(stored, 'A\u030Angstro\u0308m find 23')).matches).toBe(true)
  })

  test.each([
    ['more memory', { argon2MemoryKib: 2048 }],
    ['more passes', { argon2Passes: 3 }],
    ['another algorithm', { algorithm: 'bcrypt' as const }],
  ])('are outdated when the settings require %s', async (_, change) => {
    const stored = await hashing.hash('a password')
    const raised = await createHashing({ ...options, ...change })
    expect(await raised.verify(stored, 'a password')).toEqual({ matches: true, outdated: true })
  })

  test('are not outdated where the password is wrong', async () => {
    const stored = await (await createHashing({ ...options, argon2Passes: 1 })).hash('a password')
    expect(await hashing.verify(stored, 'another')).toEqual({ matches: false, outdated: false })
  })

  test('refuse a password of more than 1024 bytes', async () => {
    await expect(hashing.hash('ü'.repeat(513))).rejects.toMatchObject({ code: 'VALIDATION_ERROR' })
    expect(await hashing.verify(await hashing.hash('x'), 'x'.repeat(1025))).toEqual({
      matches: false,
      outdated: false,
    })
  })

  test('may exceed the bounds of imported ones if the settings do', async () => {
    const strong = await createHashing({
      ...options,
      argon2MemoryKib: BOUNDS.memoryKib + 1024,
      argon2Passes: 1,
    })
    expect(await strong.verify(await strong.hash('a password'), 'a password')).toEqual({
      matches: true,
      outdated: false,
    })
  })
})

describe('bcrypt', async () => {
  const bcrypt = await createHashing({ ...options, algorithm: 'bcrypt' })

  test('hashes with the configured cost', async () => {
    const stored = await bcrypt.hash('a password')
    expect(stored).toMatch(/^\$2b\$05\$/)
    expect(await bcrypt.verify(stored, 'a password')).toEqual({ matches: true, outdated: false })
    const raised = await createHashing({ ...options, algorithm: 'bcrypt', bcryptCost: 6 })
    expect(await raised.verify(stored, 'a password')).toEqual({ matches: true, outdated: true })
  })

  test('refuses to hash more than 72 bytes', async () => {
    await expect(bcrypt.hash('é'.repeat(36))).resolves.toMatch(/^\$2b\$/)
    await expect(bcrypt.hash('é'.repeat(37))).rejects.toMatchObject({ code: 'VALIDATION_ERROR' })
  })

  test('still verifies imported hashes of longer passwords', async () => {
    const { hash } = await import('bcrypt')
    const stored = await hash('x'.repeat(100), 4)
    expect((await bcrypt.verify(stored, 'x'.repeat(100))).matches).toBe(true)
  })
})

describe('imported hashes', () => {
  test.each(FOREIGN)('%s matches, and is outdated', async (_, password, stored) => {
    expect(await hashing.verify(stored, password)).toEqual({ matches: true, outdated: true })
  })

  test.each(FOREIGN)('%s refuses another password', async (_, password, stored) => {
    expect(await hashing.verify(stored, `${password}.`)).toEqual({ matches: false, outdated: false })
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
    const logged = await createHashing({ ...options, log: { warn } })
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

  test.each([
    [
      '4 GiB of memory',
      '$argon2id$v=19$m=4194304,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
    ],
    [
      'a million passes',
      '$argon2id$v=19$m=19456,t=1000000,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
    ],
    ['bcrypt of cost 31', '$2b$31$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i'],
    ['scrypt of 16 GiB', '$scrypt$ln=24,r=8,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc'],
    [
      'scrypt of many lanes',
      '$scrypt$ln=14,r=8,p=9999$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
    ],
    [
      'scrypt of no power of two',
      'scrypt:32769:8:1$seasalt$8901c14416ecc147a14d315612a9340480408236610eba7df40ec36c37c5c55d',
    ],
    ['a billion rounds', 'pbkdf2_sha256$999999999$seasalt$JgZryXe2Ga8ysg6XbzkLpTdyPQrHqsinbL9BnnhgX4A='],
    ['a million rounds and one', `$6$rounds=1000001$saltstring$${'a'.repeat(86)}`],
    ['SHA-crypt cut short', '$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjlO'],
    [
      'Firebase of 16 GiB',
      '$fbscrypt$v=1,n=24,r=8,p=1,sk=jxspr8Ki0RYycVU8zykbdA==$42xEC+ixf3L2lw==$jxspr8Ki0RYycVU8zykbdA==',
    ],
    ['Firebase without a signer key', '$fbscrypt$v=1,n=14,r=8,p=1$42xEC+ixf3L2lw==$jxspr8Ki0RYycVU8zykbdA=='],
    ['a key of one byte', '$pbkdf2-sha256$1000$c29tZXNhbHQ$AA'],
    ['an unknown digest', '$pbkdf2-md5$1000$c29tZXNhbHQ$EV9CvKU4sYU5aNy9B2.qln4Epxg'],
    ['a hash of 2 kB', `$2b$05$${'a'.repeat(2048)}`],
    ['bcrypt of cost 3', '$2b$03$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i'],
    ['bcrypt cut short', '$2b$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0'],
    ['bcrypt of a salt of 132 bits', '$2b$06$If6bvum7DFjUnE9p2uDeDv0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i'],
  ])('are refused without computation for %s', async (_, stored) => {
    expect(await readHash(stored, BOUNDS)).toBeNull()
  })
})

describe('an unknown account', () => {
  test('is refused even with the password of the dummy', async () => {
    expect(await hashing.verify(null, 'the password of no account')).toEqual({
      matches: false,
      outdated: false,
    })
  })
})

describe('the queue', () => {
  test('runs a bounded number at the same time, and the rest in order of arrival', async () => {
    const gate = createGate(2, 10)
    const begun: number[] = []
    let most = 0
    await Promise.all(
      Array.from({ length: 8 }, (_, i) =>
        gate.run(async () => {
          begun.push(i)
          most = Math.max(most, gate.load().running)
          await new Promise((done) => setTimeout(done, 10 - i))
        }),
      ),
    )
    expect(begun).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
    expect(most).toBe(2)
    expect(gate.load()).toEqual({ running: 0, waiting: 0 })
  })

  test('refuses immediately, with Retry-After, when it is full', async () => {
    const small = await createHashing({ ...options, concurrency: 1, queue: 2 })
    const outcomes = await Promise.allSettled(Array.from({ length: 10 }, () => small.hash('a password')))
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(3)
    for (const outcome of outcomes) {
      if (outcome.status === 'fulfilled') continue
      expect(outcome.reason).toBeInstanceOf(Problem)
      expect(outcome.reason).toMatchObject({ code: 'UNAVAILABLE', retryAfter: 2 })
    }
    expect(small.load()).toEqual({ running: 0, waiting: 0 })
  })

  test('frees its slot when the work throws', async () => {
    const gate = createGate(1, 1)
    await expect(gate.run(() => Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(await gate.run(async () => 'yes')).toBe('yes')
  })
})
