import { execFileSync } from 'node:child_process'
import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { pemOf, readCertificate, writeCertificate } from './x509.ts'

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const write = (notAfter: string, use: 'signing' | 'encryption' = 'signing', commonName = 'sso.example.com') =>
  writeCertificate({
    privateKey,
    commonName,
    use,
    notBefore: new Date('2030-06-01T12:00:00Z'),
    notAfter: new Date(notAfter),
  })

describe('a certificate that is written', () => {
  it('is read by node:crypto with its name, times, usage and signature', () => {
    for (const notAfter of ['2032-05-31T12:00:00Z', '2049-12-31T23:59:59Z', '2050-01-01T00:00:00Z']) {
      const read = new X509Certificate(Buffer.from(write(notAfter), 'base64'))
      expect(read.subject).toBe('CN=sso.example.com')
      expect(read.issuer).toBe('CN=sso.example.com')
      expect(new Date(read.validFrom)).toEqual(new Date('2030-06-01T12:00:00Z'))
      expect(new Date(read.validTo)).toEqual(new Date(notAfter))
      expect(read.ca).toBe(false)
      expect(read.verify(read.publicKey)).toBe(true)
      expect(read.checkPrivateKey(privateKey)).toBe(true)
    }
  })

  it('is read by OpenSSL, with the usage that fits its purpose', () => {
    const text = (use: 'signing' | 'encryption') =>
      execFileSync('openssl', ['x509', '-noout', '-text', '-certopt', 'no_sigdump,no_pubkey'], {
        input: pemOf('CERTIFICATE', write('2032-05-31T12:00:00Z', use)),
        encoding: 'utf8',
      })
    expect(text('signing')).toMatch(
      /Version: 3[\s\S]*CA:FALSE[\s\S]*Key Usage: critical\s+Digital Signature\s/,
    )
    expect(text('encryption')).toMatch(/Key Usage: critical\s+Key Encipherment\s/)
  })

  it('has a positive serial number without a leading zero byte, and long names are cut', () => {
    for (let n = 0; n < 20; n += 1) {
      const read = new X509Certificate(
        Buffer.from(write('2032-05-31T12:00:00Z', 'signing', 'x'.repeat(200)), 'base64'),
      )
      expect(read.serialNumber).toMatch(/^[4-7][0-9A-F]{31}$/)
      expect(read.subject).toBe(`CN=${'x'.repeat(64)}`)
    }
  })
})

describe('readCertificate', () => {
  it('states validity, fingerprint and no weakness for a key of 2048 bits', () => {
    expect(readCertificate(write('2032-05-31T12:00:00Z'))).toMatchObject({
      notAfter: new Date('2032-05-31T12:00:00Z'),
      fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/),
      weakness: null,
    })
  })

  it('names keys that are too weak', () => {
    const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey
    const exponent = generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 3 }).privateKey
    const times = { notBefore: new Date('2030-06-01T12:00:00Z'), notAfter: new Date('2032-06-01T12:00:00Z') }
    const of = (privateKey: typeof weak) =>
      readCertificate(writeCertificate({ privateKey, commonName: 'x', use: 'signing', ...times }))?.weakness
    expect(of(weak)).toContain('1024 bits')
    expect(of(exponent)).toContain('exponent')
  })

  it('returns null for what is no certificate', () => {
    expect(readCertificate('')).toBeNull()
    expect(readCertificate('bm90IGEgY2VydGlmaWNhdGU=')).toBeNull()
  })
})
