/**
 * Discovery of the keys of an issuer (OpenID Connect Discovery 1.0 §4, RFC 8414 §3): reads `jwks_uri` from its
 * metadata. The metadata must name the issuer for which it was fetched (RFC 8414 §3.3): otherwise one issuer could
 * present the keys of another. Addresses come from the options and from this document, never from a token.
 */
import type { Now } from '../clock.ts'
import { type Fetch, get, outboundUrl } from '../outbound.ts'
import { AppFault } from '../problem.ts'
import type { KeyLocation } from './jwks.ts'
import { lifetimeOf } from './lifetime.ts'

const MAX_BYTES = 131_072

export interface DiscoveryOptions {
  /** The issuer, or the address at which its metadata is found. */
  base: string
  /** Whether the `issuer` of the metadata is the expected one. */
  isExpected(issuer: string): boolean
  fetch: Fetch
  now: Now
  /** Milliseconds */
  timeout: number
  allowHttp: boolean
}

/**
 * The addresses of the metadata in the order in which they are tried.
 *
 * @param base an issuer; or the whole address, with `/.well-known/` in it
 * @throws TypeError for plain http to another machine, unless `allowHttp`
 */
export function metadataAddresses(base: string, allowHttp: boolean): readonly string[] {
  const url = outboundUrl(base, allowHttp)
  if (url.search !== '' || url.hash !== '')
    throw new TypeError(`${base}: an issuer has no query and no fragment (RFC 8414 §2)`)
  if (url.pathname.includes('/.well-known/')) return [url.href]
  const path = url.pathname.replace(/\/$/, '')
  const appended = `${url.origin}${path}/.well-known/openid-configuration`
  // RFC 8414 §3.1: between the host and the path
  const inserted = `${url.origin}/.well-known/oauth-authorization-server${path}`
  return path === ''
    ? [appended, inserted]
    : [appended, inserted, `${url.origin}/.well-known/openid-configuration${path}`]
}

/** @throws TypeError for an address to which the guard does not connect */
export function discoveredLocation(options: DiscoveryOptions): KeyLocation {
  const { now, allowHttp } = options
  const addresses = metadataAddresses(options.base, allowHttp)
  let known: { jwksUri: string; until: number } | null = null

  async function read(): Promise<string> {
    let status = 0
    for (const address of addresses) {
      const answer = await get(options.fetch, address, {
        headers: { accept: 'application/json' },
        timeout: options.timeout,
        maxBytes: MAX_BYTES,
      })
      status = answer.status
      if (status !== 200) continue
      const { issuer, jwks_uri: jwksUri } = JSON.parse(answer.text) as Record<string, unknown>
      if (typeof issuer !== 'string' || !options.isExpected(issuer))
        throw new AppFault(
          `${address} is the metadata of the issuer ${String(issuer)}, which is not accepted`,
        )
      if (typeof jwksUri !== 'string') throw new AppFault(`${address} names no jwks_uri`)
      const url = outboundUrl(jwksUri, allowHttp)
      // a document from elsewhere does not direct requests to services of this machine
      if (url.protocol === 'http:' && !allowHttp && !address.startsWith('http:'))
        throw new AppFault(`${address} names a jwks_uri that is not https`)
      known = { jwksUri: url.href, until: now() + lifetimeOf(answer.headers) }
      return known.jwksUri
    }
    const text = `${addresses[0]} answered ${status}`
    throw status < 500 ? new AppFault(text) : new Error(text)
  }

  return {
    find: async () => (known !== null && now() < known.until ? known.jwksUri : read()),
    forget() {
      known = null
    },
  }
}
