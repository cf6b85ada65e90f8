/** How the client authenticates at the token and revocation endpoints (RFC 6749 §2.3.1), and Apple's secret, which is a JWT. */
import { createPrivateKey, type KeyObject, sign } from 'node:crypto'
import { secretOf, type UsableConnection } from '../../../core/connections/index.ts'
import { FederationFault } from '../../../core/providers/index.ts'
import type { UpstreamProvider } from '../../../core/providers/provider.ts'
import type { Tools } from '../../../core/tools.ts'
import { clientIdOf } from './authorization.ts'

/** What a request carries so that the provider knows the client. */
export interface ClientProof {
  headers: Readonly<Record<string, string>>
  members: Readonly<Record<string, string>>
}

/**
 * The proofs to try, in this order: an issuer may name methods that it does not accept of this client.
 * @param methods those that the issuer's metadata names; undefined: none are named. @throws FederationFault
 */
export function proveClient(
  tools: Pick<Tools, 'keyring'>,
  connection: UsableConnection,
  provider: UpstreamProvider,
  methods: readonly string[] | undefined,
  now: Date,
): readonly ClientProof[] {
  const id = clientIdOf(connection)
  const secret = secretOf(tools.keyring, connection)
  if (secret === null) {
    if (provider.secret !== 'optional')
      throw new FederationFault('bad_settings', 'the client secret is missing')
    return [{ headers: {}, members: { client_id: id } }]
  }
  const { authentication } = provider
  if (authentication === 'apple') return [inBody(id, appleSecret(connection, id, secret, now))]
  const all = authentication === 'discovered' ? methodsOf(methods) : [authentication]
  return all.map((method) =>
    method === 'post'
      ? inBody(id, secret)
      : { headers: { authorization: `Basic ${basic(id, secret)}` }, members: {} },
  )
}

const inBody = (client_id: string, client_secret: string): ClientProof => ({
  headers: {},
  members: { client_id, client_secret },
})

/** Without a list it is client_secret_basic (OpenID Connect Discovery §3). */
function methodsOf(methods: readonly string[] = ['client_secret_basic']): readonly ('basic' | 'post')[] {
  const usable = (['basic', 'post'] as const).filter((method) => methods.includes(`client_secret_${method}`))
  if (usable.length > 0) return usable
  throw new FederationFault(
    'bad_settings',
    `the issuer accepts neither client_secret_basic nor client_secret_post: ${methods.slice(0, 5).join(', ')}`,
  )
}

/** Both parts are form-encoded before they are joined. */
const basic = (id: string, secret: string): string =>
  Buffer.from([id, secret].map(formEncoded).join(':')).toString('base64')

const formEncoded = (text: string): string => new URLSearchParams([['', text]]).toString().slice(1)

const AUDIENCE = 'https://appleid.apple.com'
const LIFETIME_SECONDS = 300

/** https://developer.apple.com/documentation/accountorganizationaldatasharing/creating-a-client-secret: at most six months, here five minutes. */
function appleSecret({ settings }: UsableConnection, clientId: string, pem: string, now: Date): string {
  const { team_id, key_id } = settings
  if (!team_id || !key_id) throw new FederationFault('bad_settings', 'the team id or the key id is missing')
  const issuedAt = Math.floor(now.getTime() / 1000)
  const header = { alg: 'ES256', kid: key_id, typ: 'JWT' }
  const payload = {
    iss: team_id,
    iat: issuedAt,
    exp: issuedAt + LIFETIME_SECONDS,
    aud: AUDIENCE,
    sub: clientId,
  }
  const text = [header, payload]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.')
  const signature = sign('sha256', Buffer.from(text), { key: privateKey(pem), dsaEncoding: 'ieee-p1363' })
  return `${text}.${signature.toString('base64url')}`
}

function privateKey(pem: string): KeyObject {
  try {
    const key = createPrivateKey(pem)
    if (key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return key
  } catch {
    // the message of the error could contain a part of the key
  }
  throw new FederationFault('bad_settings', 'the private key is no P-256 key in PEM, as Apple’s .p8 file is')
}
