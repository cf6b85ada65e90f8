/**
 * An OpenID Connect issuer of one client, on the core of the load: discovery, keys, and a token endpoint whose ID tokens have
 * RS256, as most issuers' have. A code is the claims that its ID token has besides, so that no sign-in is stored here.
 */
import { createSign, generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const keys = [{ ...publicKey.export({ format: 'jwk' }), kid: 'bench', alg: 'RS256', use: 'sig' }]
const HEADER = encoded({ alg: 'RS256', kid: 'bench' })

function encoded(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

function idTokenOf(issuer: string, code: string): string {
  const now = Math.floor(Date.now() / 1000)
  const claims = { ...JSON.parse(Buffer.from(code, 'base64url').toString()), iss: issuer, aud: 'bench' }
  const signed = `${HEADER}.${encoded({ ...claims, iat: now, exp: now + 300 })}`
  return `${signed}.${createSign('RSA-SHA256').update(signed).sign(privateKey, 'base64url')}`
}

const server = createServer(async (req, res) => {
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const answer = (content: unknown) =>
    res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(content))
  if (req.url === '/keys') return answer({ keys })
  if (req.url !== '/token')
    return answer({
      issuer,
      authorization_endpoint: `${issuer}/authorize`,
      token_endpoint: `${issuer}/token`,
      jwks_uri: `${issuer}/keys`,
      response_types_supported: ['code'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
    })
  const chunks: Buffer[] = []
  for await (const chunk of req) chunks.push(chunk)
  const code = new URLSearchParams(Buffer.concat(chunks).toString()).get('code') ?? ''
  answer({ access_token: 'access', token_type: 'Bearer', expires_in: 300, id_token: idTokenOf(issuer, code) })
})
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }))
process.on('disconnect', () => process.exit(0))
