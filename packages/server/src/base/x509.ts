/**
 * X.509 certificates: writing a self-signed one in DER (RFC 5280 §4.1), which node:crypto cannot, and reading what is
 * needed of others. Such a certificate only carries a public key from one party of SAML to the other; no chain is verified.
 */
import { createPublicKey, type KeyObject, randomBytes, sign, X509Certificate } from 'node:crypto'

/** Tag, length and contents of a DER value, X.690 §8.1. */
function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(contents)
  if (body.length < 0x80) return Buffer.concat([Buffer.from([tag, body.length]), body])
  const length = Buffer.from(body.length.toString(16).padStart(body.length > 0xff ? 4 : 2, '0'), 'hex')
  return Buffer.concat([Buffer.from([tag, 0x80 | length.length]), length, body])
}
const sequence = (...contents: readonly Uint8Array[]): Buffer => der(0x30, ...contents)
const bitString = (bytes: Uint8Array, unused = 0): Buffer => der(0x03, Buffer.from([unused]), bytes)
const octets = (bytes: Uint8Array): Buffer => der(0x04, bytes)
const oid = (hex: string): Buffer => der(0x06, Buffer.from(hex, 'hex'))
const TRUE = der(0x01, Buffer.from([0xff]))
const NULL = der(0x05)

const SHA256_WITH_RSA = sequence(oid('2a864886f70d01010b'), NULL)
const COMMON_NAME = oid('550403')
const BASIC_CONSTRAINTS = oid('551d13')
const KEY_USAGE = oid('551d0f')

/** RFC 5280 §4.1.2.5: UTCTime through 2049, GeneralizedTime from 2050. */
function time(at: Date): Buffer {
  const digits = at.toISOString().replace(/\.\d+|\D/g, '')
  const isUtc = at.getUTCFullYear() < 2050
  return der(isUtc ? 0x17 : 0x18, Buffer.from(`${isUtc ? digits.slice(2) : digits}Z`, 'latin1'))
}

/** keyUsage, RFC 5280 §4.2.1.3: digitalSignature is bit 0, keyEncipherment is bit 2. */
const USAGES = { signing: bitString(Buffer.from([0x80]), 7), encryption: bitString(Buffer.from([0x20]), 5) }

/** A certificate of an RSA key, signed by that key. @returns DER in base64 */
export function writeCertificate(options: {
  privateKey: KeyObject
  commonName: string
  use: keyof typeof USAGES
  notBefore: Date
  notAfter: Date
}): string {
  const { privateKey, commonName, use, notBefore, notAfter } = options
  const serial = randomBytes(16)
  // positive, and without a leading zero byte
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40
  const name = sequence(
    der(0x31, sequence(COMMON_NAME, der(0x0c, Buffer.from(commonName.slice(0, 64), 'utf8')))),
  )
  const content = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, serial),
    SHA256_WITH_RSA,
    name,
    sequence(time(notBefore), time(notAfter)),
    name,
    createPublicKey(privateKey).export({ type: 'spki', format: 'der' }),
    der(
      0xa3,
      sequence(
        sequence(BASIC_CONSTRAINTS, TRUE, octets(sequence())),
        sequence(KEY_USAGE, TRUE, octets(USAGES[use])),
      ),
    ),
  )
  const signature = sign('sha256', content, privateKey)
  return sequence(content, SHA256_WITH_RSA, bitString(signature)).toString('base64')
}

export interface CertificateFacts {
  publicKey: KeyObject
  /** SHA-256 of the DER, in hexadecimal. */
  fingerprint: string
  subject: string
  notBefore: Date
  notAfter: Date
  /** Why its key is too weak to verify signatures; null for a key that is not. */
  weakness: string | null
}

/** @param certificate DER in base64, without PEM lines. @returns null where it is no certificate */
export function readCertificate(certificate: string): CertificateFacts | null {
  try {
    const read = new X509Certificate(Buffer.from(certificate, 'base64'))
    return {
      publicKey: read.publicKey,
      fingerprint: read.fingerprint256.replaceAll(':', '').toLowerCase(),
      subject: read.subject,
      notBefore: new Date(read.validFrom),
      notAfter: new Date(read.validTo),
      weakness: weaknessOf(read.publicKey),
    }
  } catch {
    return null
  }
}

const CURVES: readonly string[] = ['prime256v1', 'secp384r1', 'secp521r1']

function weaknessOf({ asymmetricKeyType, asymmetricKeyDetails = {} }: KeyObject): string | null {
  const { modulusLength = 0, publicExponent = 0n, namedCurve = '' } = asymmetricKeyDetails
  if (asymmetricKeyType === 'rsa' || asymmetricKeyType === 'rsa-pss') {
    if (modulusLength < 2048) return `its RSA key has ${modulusLength} bits, fewer than 2048`
    return publicExponent < 65537n ? 'the exponent of its RSA key is less than 65537' : null
  }
  if (asymmetricKeyType === 'ec')
    return CURVES.includes(namedCurve) ? null : `its curve ${namedCurve} is not supported`
  return `its key type ${asymmetricKeyType} is not supported`
}

/** PEM lines around DER in base64. */
export const pemOf = (label: 'CERTIFICATE' | 'PRIVATE KEY', base64: string): string =>
  `-----BEGIN ${label}-----\n${base64.replace(/.{64}(?=.)/g, '$&\n')}\n-----END ${label}-----\n`
