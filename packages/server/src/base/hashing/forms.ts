/**
 * The formats of stored password hashes: ours and those of imported accounts. Each is one row of the table: its name,
 * the systems that write it, the pattern that recognizes it, and the algorithm that verifies it. The rows that match
 * a text are few, and the first decides.
 */
import { createHash, createHmac } from 'node:crypto'
import {
  argon2,
  type BcryptFields,
  bcrypt,
  firebase,
  type HashBounds,
  md5CryptHash,
  pbkdf2Hash,
  phpassHash,
  type ReadableHash,
  refuseUnless,
  saltedDigest,
  scryptHash,
  shaCryptHash,
  wrapped,
} from './algorithms.ts'
import { readAspNet, readAuth0, readDirectoryServer, readKeycloak, unpadded } from './exports.ts'
import { NativeMissing } from './native.ts'
import { HashRefused } from './refusal.ts'
import { crypt64Digit } from './thread.ts'

type Groups = Readonly<Record<string, string | undefined>>

export interface HashForm {
  name: string
  /** Who writes it; the guide's table shows it. */
  systems: string
  pattern: RegExp
  /** @throws HashRefused; another error counts as malformed */
  read(groups: Groups, bounds: HashBounds): ReadableHash | Promise<ReadableHash>
}

/** Base64 in any of its spellings: PHC strings have no padding, passlib writes '.' for '+', Firebase exports are url-safe. */
const bytes = (text = ''): Buffer => Buffer.from(text.replaceAll(/[.-]/g, '+').replaceAll('_', '/'), 'base64')
const text = (value = ''): Buffer => Buffer.from(value)
const hex = (value = ''): Buffer => Buffer.from(value, 'hex')

const PBKDF2_DIGESTS: Readonly<Record<string, string>> = { '': 'sha1', sha: 'sha1' }
/** `sha256`, `SHA256`, `SHA-256`; PBKDF2 alone is that of SHA-1. */
const digestNamed = (name = ''): string => {
  const plain = name.toLowerCase().replaceAll(/[-_]/g, '')
  return PBKDF2_DIGESTS[plain] ?? plain
}

const B64 = '[A-Za-z0-9+/.]+={0,2}'
const B64_ANY = '[A-Za-z0-9+/._-]+={0,2}'
/** 128 bits of salt in 22 characters: the last one holds two of them. */
const SALT_22 = '[./A-Za-z0-9]{21}[.Oeu]'
const BCRYPT = `\\$2[aby]\\$(?<cost>\\d\\d)\\$(?<salt>${SALT_22})(?<key>[./A-Za-z0-9]{31})`
const bcryptFields = ({ cost, salt = '', key = '' }: Groups): BcryptFields => ({
  cost: Number(cost),
  salt,
  key,
})
const scryptCost = ({ n, ln, r, p }: Groups) => ({
  N: n ? Number(n) : 2 ** Number(ln),
  r: Number(r),
  p: Number(p),
})
const sha256Hex = (password: string): string => createHash('sha256').update(password).digest('hex')
const sha256Base64 = (password: string): string => createHash('sha256').update(password).digest('base64')
const md5Hex = (password: string): string => createHash('md5').update(password).digest('hex')
const wordpress = (password: string): string =>
  createHmac('sha384', 'wp-sha384').update(password.trim()).digest('base64')

const form = (name: string, systems: string, pattern: string, read: HashForm['read']): HashForm => ({
  name,
  systems,
  pattern: new RegExp(`^${pattern}$`),
  read,
})

// biome-ignore format: a table
export const FORMS: readonly HashForm[] = [
  form('argon2', 'PHC strings; PHP and Laravel, passlib, Spring, Clerk, Auth0', '(?<phc>\\$argon2(?:id|i|d)\\$.+)',
    ({ phc = '' }, bounds) => argon2(phc, bounds)),
  form('bcrypt', '`$2a$`, `$2b$`, `$2y$`; PHP and Laravel, Supabase, Auth0, Clerk, Gatehouse, Devise', BCRYPT,
    (g, bounds) => bcrypt(bcryptFields(g), bounds)),
  form('bcrypt-2x', '`$2x$`, always refused', '\\$2x\\$.*', () => { throw new HashRefused('bcrypt_2x') }),
  form('scrypt', 'PHC strings; passlib', `\\$scrypt\\$ln=(?<ln>\\d{1,2}),r=(?<r>\\d{1,5}),p=(?<p>\\d{1,5})\\$(?<salt>${B64})\\$(?<key>${B64})`,
    (g, bounds) => scryptHash(scryptCost(g), bytes(g.salt), bytes(g.key), bounds)),
  // PHC has i=…,l=…; passlib only the number of rounds
  form('pbkdf2', 'PHC strings; passlib, Auth0', `\\$pbkdf2-?(?<digest>[\\w-]*)\\$(?:i=)?(?<rounds>\\d{1,10})(?:,l=\\d+)?\\$(?<salt>${B64})\\$(?<key>${B64})`,
    (g) => pbkdf2Hash(digestNamed(g.digest), Number(g.rounds), bytes(g.salt), bytes(g.key))),
  form('passlib-bcrypt-sha256', 'passlib (version 2)', `\\$bcrypt-sha256\\$v=2,t=2[by],r=(?<cost>\\d{1,2})\\$(?<salt>${SALT_22})\\$(?<key>[./A-Za-z0-9]{31})`,
    (g, bounds) => wrapped('passlib', bcrypt(bcryptFields(g), bounds, (password) => createHmac('sha256', g.salt ?? '').update(password).digest('base64')))),
  form('passlib-bcrypt-sha256-1', 'passlib (version 1)', `\\$bcrypt-sha256\\$2[aby],(?<cost>\\d{1,2})\\$(?<salt>${SALT_22})\\$(?<key>[./A-Za-z0-9]{31})`,
    (g, bounds) => wrapped('passlib', bcrypt(bcryptFields(g), bounds, sha256Base64))),
  // Django: its salts are text
  form('django-pbkdf2', 'Django', `pbkdf2_(?<digest>sha\\d+)\\$(?<rounds>\\d{1,10})\\$(?<salt>[^$]+)\\$(?<key>${B64})`,
    (g) => pbkdf2Hash(digestNamed(g.digest), Number(g.rounds), text(g.salt), bytes(g.key))),
  form('django-scrypt', 'Django', `scrypt\\$(?<n>\\d{1,10})\\$(?<salt>[^$]+)\\$(?<r>\\d{1,5})\\$(?<p>\\d{1,5})\\$(?<key>${B64})`,
    (g, bounds) => scryptHash(scryptCost(g), text(g.salt), bytes(g.key), bounds)),
  form('django-argon2', 'Django', 'argon2(?<phc>\\$argon2.+)', ({ phc = '' }, bounds) => wrapped('django', argon2(phc, bounds))),
  form('django-bcrypt', 'Django', `bcrypt\\$${BCRYPT}`, (g, bounds) => wrapped('django', bcrypt(bcryptFields(g), bounds))),
  form('django-bcrypt-sha256', 'Django', `bcrypt_sha256\\$${BCRYPT}`,
    (g, bounds) => wrapped('django', bcrypt(bcryptFields(g), bounds, sha256Hex))),
  form('unsound', 'single digests of Django and Werkzeug, unsalted digests, always refused', '(?:(?:unsalted_)?(?:md5|sha1|sha224|sha256|sha512)\\$.*|\\{(?:SHA\\d*|MD5|SMD5)\\}.*|(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}|[0-9a-f]{128}))',
    () => { throw new HashRefused('unsound') }),
  // Werkzeug: keys in hexadecimal
  form('werkzeug-pbkdf2', 'Werkzeug (Flask)', 'pbkdf2:(?<digest>sha\\d+):(?<rounds>\\d{1,10})\\$(?<salt>[^$]+)\\$(?<key>[0-9a-f]+)',
    (g) => pbkdf2Hash(digestNamed(g.digest), Number(g.rounds), text(g.salt), hex(g.key))),
  form('werkzeug-scrypt', 'Werkzeug (Flask)', 'scrypt:(?<n>\\d{1,10}):(?<r>\\d{1,5}):(?<p>\\d{1,5})\\$(?<salt>[^$]+)\\$(?<key>[0-9a-f]+)',
    (g, bounds) => scryptHash(scryptCost(g), text(g.salt), hex(g.key), bounds)),
  // crypt(3), https://www.akkadia.org/drepper/SHA-crypt.txt
  form('sha-crypt', '`$5$`, `$6$`; Linux, libxcrypt, passlib', '\\$(?<kind>[56])\\$(?:rounds=(?<rounds>\\d{1,10})\\$)?(?<salt>[^$:\\n]*)\\$(?<key>[A-Za-z0-9./]+)',
    (g) => shaCryptHash(g.kind === '5' ? '5' : '6', Number(g.rounds ?? 5000), g.salt ?? '', g.key ?? '')),
  form('md5-crypt', '`$1$`, `$apr1$`; older Unix, Apache', '(?<magic>\\$(?:1|apr1)\\$)(?<salt>[^$:\\n]{0,8})\\$(?<key>[A-Za-z0-9./]{22})',
    (g) => md5CryptHash({ magic: g.magic ?? '', salt: g.salt ?? '' }, g.key ?? '')),
  form('phpass', '`$P$`, `$H$`; WordPress before 6.8, phpBB, Drupal 6', '\\$[PH]\\$(?<log2>[./0-9A-Za-z])(?<salt>[./0-9A-Za-z]{8})(?<key>[./0-9A-Za-z]{22})',
    (g) => phpassHash('md5', crypt64Digit(g.log2 ?? ''), g.salt ?? '', g.key ?? '')),
  form('drupal7', '`$S$`; Drupal 7 to 10', '\\$S\\$(?<log2>[./0-9A-Za-z])(?<salt>[./0-9A-Za-z]{8})(?<key>[./0-9A-Za-z]{43})',
    (g) => phpassHash('sha512', crypt64Digit(g.log2 ?? ''), g.salt ?? '', g.key ?? '')),
  form('drupal-md5', '`U$S$`, `U$P$`; Drupal, brought from version 6', 'U(?<inner>\\$[SP]\\$.+)',
    ({ inner = '' }, bounds) => wrapped('drupal', readInner(inner, /^(?:drupal7|phpass)$/, bounds), md5Hex)),
  form('wordpress', '`$wp$`; WordPress 6.8 and later', `\\$wp${BCRYPT}`,
    (g, bounds) => wrapped('wordpress', bcrypt(bcryptFields(g), bounds, wordpress))),
  // LDAP schemes: RFC 2307 and its successors; names in any case
  form('ldap-salted', '`{SSHA}`, `{SSHA256}`, `{SSHA384}`, `{SSHA512}`; LDAP servers', `\\{[Ss][Ss][Hh][Aa](?<digest>\\d*)\\}(?<blob>${B64})`,
    (g) => readSalted(`sha${g.digest || '1'}`, bytes(g.blob))),
  form('ldap-crypt', '`{CRYPT}`; LDAP servers', '\\{[Cc][Rr][Yy][Pp][Tt]\\}(?<inner>\\$.+)',
    ({ inner = '' }, bounds) => wrapped('ldap', readInner(inner, /^(?:argon2|bcrypt(?:-2x)?|sha-crypt|md5-crypt)$/, bounds))),
  form('ldap-bcrypt', '`{BCRYPT}`; LDAP servers', '\\{[Bb][Cc][Rr][Yy][Pp][Tt]\\}(?<inner>\\$2.+)',
    ({ inner = '' }, bounds) => wrapped('ldap', readInner(inner, /^bcrypt/, bounds))),
  form('ldap-argon2', '`{ARGON2}`; OpenLDAP', '\\{[Aa][Rr][Gg][Oo][Nn]2\\}(?<phc>\\$argon2.+)', ({ phc = '' }, bounds) => wrapped('ldap', argon2(phc, bounds))),
  form('ldap-pbkdf2', '`{PBKDF2}`, `{PBKDF2-SHA1}`, `{PBKDF2-SHA256}`, `{PBKDF2-SHA512}`; OpenLDAP, passlib, 389 Directory Server', `\\{[Pp][Bb][Kk][Dd][Ff]2(?<digest>[-_]\\w+)?\\}(?<rounds>\\d{1,10})\\$(?<salt>${B64})\\$(?<key>${B64})`,
    (g) => wrapped('ldap', pbkdf2Hash(digestNamed(g.digest), Number(g.rounds), bytes(g.salt), bytes(g.key)))),
  form('389-pbkdf2', '`{PBKDF2_SHA256}`; 389 Directory Server before 2.0', `\\{PBKDF2_SHA256\\}(?<blob>${B64})`, (g) => readDirectoryServer(bytes(g.blob))),
  // Firebase, in the format of other servers' imports: each hash contains the parameters and signer key of the project
  form('firebase', 'Firebase Authentication', `\\$fbscrypt\\$v=1,n=(?<ln>\\d{1,2}),r=(?<r>\\d{1,5}),p=(?<p>\\d{1,5})(?:,ss=(?<separator>${B64_ANY}))?,sk=(?<signer>${B64_ANY})\\$(?<salt>${B64_ANY})\\$(?<key>${B64_ANY})`,
    (g, bounds) => firebase(scryptCost(g), Buffer.concat([bytes(g.salt), bytes(g.separator)]), bytes(g.signer), bytes(g.key), bounds)),
  form('better-auth', 'Better Auth', '(?<salt>[0-9a-f]{32}):(?<key>[0-9a-f]{128})',
    (g, bounds) => wrapped('better-auth', scryptHash({ N: 16_384, r: 16, p: 1 }, text(g.salt), hex(g.key), bounds))),
  form('aspnet', 'ASP.NET Core Identity, versions 2 and 3', '(?<blob>A[A-Za-z0-9+/]{20,}={0,2})', (g) => readAspNet(Buffer.from(g.blob ?? '', 'base64'))),
  form('keycloak', 'Keycloak: `credentialData` and `secretData` of a credential', '(?<json>\\{"(?:credentialData|secretData)".*\\})',
    ({ json = '' }, bounds) => wrapped('keycloak', readInner(readKeycloak(json), /^(?:pbkdf2|argon2|bcrypt)$/, bounds))),
  form('auth0', 'Auth0: `custom_password_hash`', '(?<json>\\{"(?:algorithm|hash|salt)".*\\})',
    async ({ json = '' }, bounds) => {
      const found = readAuth0(json)
      return typeof found === 'string' ? wrapped('auth0', readInner(found, /^(?:argon2|bcrypt(?:-2x)?|scrypt|pbkdf2|ldap-salted|unsound)$/, bounds)) : found
    }),
]

/** The digest, then the salt. */
function readSalted(digest: string, blob: Buffer): ReadableHash {
  const length = { sha1: 20, sha256: 32, sha384: 48, sha512: 64 }[digest]
  refuseUnless(length !== undefined, 'unknown')
  refuseUnless(blob.length >= length, 'malformed')
  return saltedDigest(digest, blob.subarray(0, length), blob.subarray(length))
}

/** A hash inside another one, of the named forms. */
function readInner(stored: string, forms: RegExp, bounds: HashBounds): Promise<ReadableHash> {
  const inner = unpadded(stored)
  refuseUnless(forms.test(formOf(inner)?.name ?? ''), 'unknown')
  return readHash(inner, bounds)
}

const LONGEST_HASH = 1024

/** The form of a text; null where none matches. */
export const formOf = (stored: string): HashForm | null =>
  stored.length > LONGEST_HASH ? null : (FORMS.find(({ pattern }) => pattern.test(stored)) ?? null)

/**
 * @throws HashRefused where the format is unknown, the hash is malformed, or its cost exceeds the bounds
 * @throws NativeMissing where its algorithm cannot be loaded
 */
export async function readHash(stored: string, bounds: HashBounds): Promise<ReadableHash> {
  const found = formOf(stored)
  if (!found) throw new HashRefused('unknown')
  try {
    const hash = await found.read(found.pattern.exec(stored)?.groups ?? {}, bounds)
    return found.name === 'argon2' ? hash : { ...hash, check: withoutNul(hash.check) }
  } catch (error) {
    if (error instanceof NativeMissing || error instanceof HashRefused) throw error
    throw new HashRefused('malformed')
  }
}

/**
 * HMAC, and so PBKDF2 and scrypt, takes a password and the same with NULs after it for one key; older systems end the
 * password there. Computed in any case: a refusal takes as long as an answer.
 */
const withoutNul =
  (check: ReadableHash['check']): ReadableHash['check'] =>
  async (password) =>
    (await check(password)) && !password.includes('\0')
