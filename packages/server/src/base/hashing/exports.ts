/**
 * Hashes that are no text of one line in their own system: JSON of Keycloak and Auth0, and the binary records of
 * ASP.NET Identity and 389 Directory Server.
 */
import { z } from 'zod'
import { pbkdf2Hash, type ReadableHash, refuseUnless, saltedDigest } from './algorithms.ts'
import { HashRefused } from './refusal.ts'

/** Base64 without padding, as PHC strings have it. */
export const unpadded = (phc: string): string => phc.replace(/=+$/, '').replaceAll(/=+\$/g, '$')

const parsed = <T>(schema: z.ZodType<T>, json: string): T => schema.parse(JSON.parse(json))

const Credential = z.object({
  credentialData: z.string().max(1000),
  secretData: z.string().max(1000),
})
const CredentialData = z.object({
  hashIterations: z.number().int().min(1),
  algorithm: z.string(),
  additionalParameters: z.record(z.string(), z.array(z.string())).nullish(),
})
const SecretData = z.object({ value: z.string(), salt: z.string() })

/** The credential of a Keycloak user as a PHC string. https://www.keycloak.org/docs/latest/server_admin/#hashalgorithm */
export function readKeycloak(json: string): string {
  const credential = parsed(Credential, json)
  const { algorithm, hashIterations, additionalParameters } = parsed(
    CredentialData,
    credential.credentialData,
  )
  const { value, salt } = parsed(SecretData, credential.secretData)
  const first = (name: string, fallback: string): string => additionalParameters?.[name]?.[0] ?? fallback
  if (/^pbkdf2(?:-sha256|-sha512)?$/.test(algorithm))
    return `$${algorithm}$i=${hashIterations}$${salt}$${value}`
  if (algorithm === 'argon2') {
    const version = first('version', '1.3') === '1.3' ? 19 : 16
    const cost = `m=${first('memory', '7168')},t=${hashIterations},p=${first('parallelism', '1')}`
    return `$argon2${first('type', 'id')}$v=${version}$${cost}$${salt}$${value}`
  }
  // the bcrypt of extensions keeps the whole hash in its value
  if (algorithm === 'bcrypt') return value
  throw new HashRefused('unknown')
}

const ENCODINGS = ['hex', 'base64', 'utf8'] as const
const CustomHash = z.object({
  algorithm: z.string(),
  hash: z.object({ value: z.string().max(1000), encoding: z.enum(ENCODINGS).nullish() }),
  salt: z
    .object({
      value: z.string().max(500),
      encoding: z.enum(ENCODINGS).nullish(),
      position: z.enum(['prefix', 'suffix']).nullish(),
    })
    .nullish(),
  keylen: z.number().nullish(),
  cost: z.number().nullish(),
  blockSize: z.number().nullish(),
  parallelization: z.number().nullish(),
  password: z.object({ encoding: z.string().nullish() }).nullish(),
})

/**
 * The `custom_password_hash` of an Auth0 user, as a hash of another form, or as one digest of password and salt.
 * https://auth0.com/docs/manage-users/user-migration/bulk-user-import-database-schema-and-examples
 */
export function readAuth0(json: string): string | ReadableHash {
  const { algorithm, hash, salt, password, ...costs } = parsed(CustomHash, json)
  // another encoding of the password than this server's
  refuseUnless(/^utf-?8$/i.test(password?.encoding ?? 'utf8'), 'unknown')
  const key = Buffer.from(hash.value, hash.encoding ?? 'hex')
  const grain = Buffer.from(salt?.value ?? '', salt?.encoding ?? 'utf8')
  if (/^(?:argon2|bcrypt|pbkdf2|ldap)$/.test(algorithm)) return hash.value
  if (/^sha(?:1|256|512)$/.test(algorithm))
    return saltedDigest(algorithm, key, grain, salt?.position ?? 'prefix')
  if (algorithm === 'scrypt') {
    const log2 = Math.log2(costs.cost ?? 16_384)
    const cost = `ln=${log2},r=${costs.blockSize ?? 8},p=${costs.parallelization ?? 1}`
    return `$scrypt$${cost}$${grain.toString('base64')}$${key.toString('base64')}`
  }
  throw new HashRefused(/^(?:md4|md5|hmac)$/.test(algorithm) ? 'unsound' : 'unknown')
}

const ASPNET_DIGESTS = ['sha1', 'sha256', 'sha512'] as const

/** https://github.com/dotnet/aspnetcore, src/Identity/Extensions.Core/src/PasswordHasher.cs */
export function readAspNet(blob: Buffer): ReadableHash {
  if (blob[0] === 0) {
    refuseUnless(blob.length === 49, 'malformed')
    return pbkdf2Hash('sha1', 1000, blob.subarray(1, 17), blob.subarray(17))
  }
  refuseUnless(blob[0] === 1 && blob.length > 13, 'unknown')
  const digest = ASPNET_DIGESTS[blob.readUInt32BE(1)]
  const saltLength = blob.readUInt32BE(9)
  refuseUnless(digest !== undefined, 'unknown')
  refuseUnless(saltLength >= 16 && saltLength <= 128, 'malformed')
  return pbkdf2Hash(
    digest,
    blob.readUInt32BE(5),
    blob.subarray(13, 13 + saltLength),
    blob.subarray(13 + saltLength),
  )
}

/** Rounds in 4 bytes, 64 bytes of salt, 256 bytes of key. */
export function readDirectoryServer(blob: Buffer): ReadableHash {
  refuseUnless(blob.length === 324, 'malformed')
  return pbkdf2Hash('sha256', blob.readUInt32BE(0), blob.subarray(4, 68), blob.subarray(68))
}
