/**
 * A real OpenID Connect issuer on 127.0.0.1, by oidc-provider: its sign-in form takes any name as the account, whose
 * address is `<name>@example.com`. Claims other than the subject are at its userinfo endpoint alone, as the specification
 * has it; it announces and sends the issuer in its answers (RFC 9207), and requires PKCE.
 */
import { generateKeyPairSync } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import Provider from 'oidc-provider'

export interface Issuer {
  /** Its issuer, and for LATCHKEY_CONNECTION_HOSTS its host. */
  url: string
  host: string
  /** The accounts that say otherwise than the default. */
  accounts: Map<string, Record<string, unknown>>
  /** New signing keys, under which everything is forgotten. */
  rotate(): void
  close(): Promise<void>
}

/** A client of the issuer, in the words of its registration. */
export interface IssuerClient {
  client_id: string
  client_secret?: string
  redirect_uris: string[]
  [member: string]: unknown
}

const jwk = (alg: string, kid: string): object => {
  const { privateKey } =
    alg === 'RS256'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return { ...privateKey.export({ format: 'jwk' }), alg, kid, use: 'sig' }
}

export async function startIssuer(clients: readonly IssuerClient[]): Promise<Issuer> {
  let handle: (request: IncomingMessage, response: ServerResponse) => void = () => {}
  const server = createServer((request, response) => handle(request, response))
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const url = `http://${host}`
  const accounts = new Map<string, Record<string, unknown>>()
  let generation = 0

  function begin(): void {
    generation += 1
    const provider = new Provider(url, {
      clients,
      jwks: { keys: [jwk('RS256', `rs-${generation}`), jwk('ES256', `es-${generation}`)] },
      cookies: { keys: ['a key of the tests'] },
      claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'preferred_username'] },
      features: {
        devInteractions: { enabled: true },
        revocation: { enabled: true },
        jwtUserinfo: { enabled: true },
      },
      enabledJWA: { idTokenSigningAlgValues: ['RS256', 'ES256', 'HS256'] },
      pkce: { required: () => true },
      ttl: { AccessToken: 300, AuthorizationCode: 60, IdToken: 300, RefreshToken: 3600, Interaction: 300, Session: 3600, Grant: 3600 },
      findAccount: (_: unknown, id: string) => ({
        accountId: id,
        claims: () => ({
          sub: id,
          email: `${id}@example.com`,
          email_verified: true,
          name: `Account of ${id}`,
          preferred_username: id,
          ...accounts.get(id),
        }),
      }),
    }) // biome-ignore format: a list
    handle = provider.callback()
  }
  begin()
  return {
    url,
    host,
    accounts,
    rotate: begin,
    async close() {
      server.closeAllConnections()
      await new Promise((closed) => server.close(closed))
    },
  }
}

/** A person in a browser without scripts, who signs in at the issuer and consents, or refuses. @returns the callback's URL */
export async function signInAtIssuer(
  authorizationUrl: string,
  login: string,
  { refuses = false } = {},
): Promise<string> {
  const cookies = new Map<string, string>()
  const { origin } = new URL(authorizationUrl)
  let [next, body]: [string, URLSearchParams | undefined] = [authorizationUrl, undefined]
  for (let step = 0; step < 12; step += 1) {
    const response = await fetch(next, {
      method: body ? 'POST' : 'GET',
      redirect: 'manual',
      headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
      ...(body && { body }),
    })
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      cookies.set(name, value)
    }
    const location = response.headers.get('location')
    const text = await response.text()
    body = undefined
    if (location) {
      next = new URL(location, origin).href
      if (!next.startsWith(origin)) return next
    } else if (refuses) next = `${next}/abort`
    else {
      const prompt = /name="prompt" value="(\w+)"/.exec(text)?.[1]
      if (!prompt) throw new Error(`the issuer refused: ${text.slice(0, 500)}`)
      body = new URLSearchParams({ prompt, login, password: 'any' })
    }
  }
  throw new Error('the issuer does not come to an end')
}
