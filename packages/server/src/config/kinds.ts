/**
 * Parsers of settings: each kind parses the text of an environment variable and describes it for the reference page.
 * Parsing throws Refused with a message that completes the sentence "LATCHKEY_X must be …"; the message never
 * contains the text, which may be a secret.
 */
import { isIP } from 'node:net'
import { parseDuration } from '../base/clock.ts'

/** Thrown by `Kind.read`. */
export class Refused extends Error {}

export interface Kind<T> {
  /** The description after "must be": `a whole number from 0 to 65535`. */
  takes: string
  /** @throws Refused */
  read(text: string): T
}

const kind = <T>(takes: string, read: (text: string) => T | undefined): Kind<T> => ({
  takes,
  read(text) {
    const value = read(text)
    if (value === undefined) throw new Refused(takes)
    return value
  },
})

/** One of a list of words. */
export const oneOf = <const W extends string>(...words: readonly W[]): Kind<W> =>
  kind(words.map((word) => `\`${word}\``).join(' or '), (text) => words.find((word) => word === text))

export const yesNo: Kind<boolean> = kind('`yes` or `no`', (text) => {
  if (/^(yes|true|on|1)$/i.test(text)) return true
  return /^(no|false|off|0)$/i.test(text) ? false : undefined
})

export const wholeNumber = (min: number, max: number): Kind<number> =>
  kind(`a whole number from ${min} to ${max}`, (text) => {
    const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN
    return value >= min && value <= max ? value : undefined
  })

/** A share of 1, written as a percentage. */
export const percentage: Kind<number> = kind(
  'a percentage from `0%` to `100%`, such as `1%` or `0.1%`',
  (text) => {
    const value = /^\d{1,3}(\.\d{1,4})?%$/.test(text) ? Number(text.slice(0, -1)) : Number.NaN
    return value <= 100 ? value / 100 : undefined
  },
)

/** A name that is a token of HTTP, and a value of printable characters, percent-encoded. */
const PAIR = /^\s*([\w.!#$&'*+^`|~-]{1,100})\s*=([^,]{0,2000})$/
const PRINTABLE = /^[\x20-\x7e]*$/
const MOST_PAIRS = 50

/** `name=value,name=value`, as OpenTelemetry has several values in one variable; undefined where it is not that. */
export function readPairs(text: string): Readonly<Record<string, string>> | undefined {
  const pairs: [string, string][] = []
  for (const part of text.split(',')) {
    const [, name, encoded = ''] = PAIR.exec(part) ?? []
    if (name === undefined) return undefined
    const value = decoded(encoded.trim())
    if (value === undefined || !PRINTABLE.test(value)) return undefined
    pairs.push([name, value])
  }
  return pairs.length <= MOST_PAIRS ? Object.fromEntries(pairs) : undefined
}

/** Undefined where the bytes are no UTF-8. */
function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

/** @param refused names, in lower case */
export const namedValues = (takes: string, refused: readonly string[] = []): Kind<string> =>
  kind(takes, (text) => {
    const names = Object.keys(readPairs(text) ?? {})
    return names.length > 0 && !names.some((name) => refused.includes(name.toLowerCase())) ? text : undefined
  })

/** A duration, in milliseconds. */
export function durationBetween(min: string, max: string): Kind<number> {
  const [least, most] = [parseDuration(min) ?? 0, parseDuration(max) ?? 0]
  return kind(`a duration from \`${min}\` to \`${max}\`, such as \`30m\`, \`8h\` or \`30d\``, (text) => {
    const value = parseDuration(text)
    return value !== null && value >= least && value <= most ? value : undefined
  })
}

export const text = (takes: string, pattern: RegExp): Kind<string> =>
  kind(takes, (value) => (pattern.test(value) ? value : undefined))

export const host: Kind<string> = kind('an IP address or a host name to listen on', (text) =>
  isIP(text) || /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/i.test(text)
    ? text
    : undefined,
)

/** An address and a port to listen on; an IPv6 address in brackets. */
export const listenAddress: Kind<string> = kind(
  'an address and a port to listen on, such as `127.0.0.1:9464` or `[::1]:9464`',
  (text) => {
    const { host: address, port } = listenTarget(text)
    const isAddress = text.startsWith('[') ? isIP(address) === 6 : host.read(address) !== undefined
    return isAddress && isIP(text) === 0 && port >= 1 && port <= 65_535 ? text : undefined
  },
)

/** @returns the port 0 where there is none */
export function listenTarget(text: string): { host: string; port: number } {
  const [, bracketed, name = '', port = '0'] = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(text) ?? []
  return { host: bracketed ?? name, port: Number(port) }
}

/** As browsers send it in `Origin`: labels, an IPv4 address or a bracketed IPv6 address; no wildcard, no dot at the end. */
const HOST = /^(\[[0-9a-f:.]+\]|[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*)$/

/** `scheme://host[:port]` without path, query or credentials; no wildcard, because origins are compared as a whole. */
export function readOrigin(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : null
  if (!url || !/^https?:$/.test(url.protocol) || !HOST.test(url.hostname) || url.port === '0')
    return undefined
  const bare = url.pathname === '/' && !/[?#@]/.test(text) && !url.username && !url.password
  return bare && url.origin !== 'null' ? url.origin : undefined
}

export const origin: Kind<string> = kind(
  'an http or https origin such as `https://id.example.com`, without wildcard, path, query or credentials',
  readOrigin,
)

/** An origin as the client data of WebAuthn names it: of a website, or of an Android app by the hash of its signing key. */
export const ceremonyOrigin: Kind<string> = kind(
  'an https origin such as `https://shop.example.com`, or that of an app, `android:apk-key-hash:…`',
  (text) => (/^android:apk-key-hash:[A-Za-z0-9_-]{43}$/.test(text) ? text : readOrigin(text)),
)

/** A domain in its ASCII form, which is no IP address. */
export const domain: Kind<string> = kind('a domain such as `example.com`', (text) =>
  HOST.test(text) && text.length <= 253 && isIP(text) === 0 && !text.startsWith('[') ? text : undefined,
)

/** A host with or without a port, as URLs write it; no wildcard, because hosts are compared as a whole. */
export const hostAndPort: Kind<string> = kind(
  'a host with or without a port, such as `idp.internal` or `10.0.0.7:8443`',
  (text) => {
    const url = URL.canParse(`http://${text}`) ? new URL(`http://${text}`) : null
    if (!url || !HOST.test(url.hostname) || /[/?#@\\]/.test(text) || url.port === '0') return undefined
    // a URL leaves out the port of its scheme
    return /:80$/.test(text) ? `${url.hostname}:80` : url.host
  },
)

/** A base URL: http or https, ends in `/`, without query, fragment or credentials. */
export const endpoint: Kind<string> = kind(
  'an http or https URL that ends in `/`, without query or credentials',
  (text) => {
    const url = URL.canParse(text) ? new URL(text) : null
    if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password) return undefined
    return /[?#\\]/.test(text) || !url.pathname.endsWith('/') ? undefined : url.href
  },
)

/** A base URL as other programs take it: with or without a slash at its end. */
export const plainEndpoint: Kind<string> = kind(
  'an http or https URL without query or credentials',
  (text) => {
    const url = URL.canParse(text) ? new URL(text) : null
    if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password) return undefined
    return /[?#\\]/.test(text) || url.port === '0' ? undefined : url.href
  },
)

/** An issuer of OpenID Connect: compared as text, so that it stays as it is written (OpenID Connect Core §1.2). */
export const issuer: Kind<string> = kind(
  'an http or https URL without query, fragment or credentials, as the provider writes it',
  (text) => {
    const url = URL.canParse(text) ? new URL(text) : null
    if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password) return undefined
    return text.length > 500 || /[?#\\\s]/.test(text) ? undefined : text
  },
)

/** An absolute URL of one of the schemes. @param query the parameters that have an effect, with their values */
export const url = (
  schemes: readonly string[],
  takes: string,
  query: Readonly<Record<string, readonly string[]>> | 'any' = 'any',
): Kind<string> =>
  kind(takes, (text) => {
    const parsed = URL.canParse(text) ? new URL(text) : null
    if (!parsed || !schemes.includes(parsed.protocol.slice(0, -1))) return undefined
    if (parsed.host === '' || parsed.port === '0') return undefined
    const isKnown = ([name, value]: [string, string]) => query === 'any' || query[name]?.includes(value)
    return [...parsed.searchParams].every(isKnown) ? text : undefined
  })

/** A PostgreSQL URL; the host may also be in the query, where it is the folder of a socket. */
export const postgresUrl: Kind<string> = kind(
  'a PostgreSQL URL such as `postgres://user:password@host:5432/database`',
  (text) => {
    const parsed = URL.canParse(text) ? new URL(text) : null
    if (!parsed || !/^postgres(ql)?:$/.test(parsed.protocol)) return undefined
    if (parsed.port === '0') return undefined
    return parsed.pathname.length > 1 && (parsed.host !== '' || parsed.searchParams.has('host'))
      ? text
      : undefined
  },
)

/** An address, or an address with a prefix length. */
function isNetwork(text: string): boolean {
  const [address = '', prefix, ...more] = text.split('/')
  const version = isIP(address)
  // the addresses of connections have no zone
  if (version === 0 || more.length > 0 || address.includes('%')) return false
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (version === 4 ? 32 : 128))
}

export const network: Kind<string> = kind('an IP address or a range such as `10.0.0.0/8`', (text) =>
  isNetwork(text) ? text : undefined,
)

/** A name server: `192.0.2.53`, `192.0.2.53:5353`, `2001:db8::53`, `[2001:db8::53]:5353`. */
export const nameServer: Kind<string> = kind('an IP address, with a port where it is not 53', (text) => {
  if (isIP(text)) return text.includes('%') ? undefined : text
  const [, v6, v4, port = ''] = /^(?:\[([^\]]+)\]|([\d.]+)):(\d{1,5})$/.exec(text) ?? []
  const isServer = v6 === undefined ? isIP(v4 ?? '') === 4 : isIP(v6) === 6 && !v6.includes('%')
  return isServer && Number(port) >= 1 && Number(port) <= 65_535 ? text : undefined
})

/** A list separated by commas or spaces, without duplicates. */
export const listOf = <T extends string>(item: Kind<T>): Kind<readonly T[]> => ({
  takes: `a list separated by commas; each ${item.takes}`,
  read: (text) => [
    ...new Set(
      text
        .split(/[\s,]+/)
        .filter(Boolean)
        .map((part) => item.read(part)),
    ),
  ],
})

/** A list, or the word `off` for an empty one. */
export function listOrOff<T extends string>(item: Kind<T>): Kind<readonly T[]> {
  const list = listOf(item)
  return kind(`${list.takes}; or \`off\``, (text) => (text === 'off' ? [] : list.read(text)))
}

/** A list, or one of the words `on` (any item) and `off` (none). */
export function listOrSwitch<T extends string>(item: Kind<T>): Kind<'on' | 'off' | readonly T[]> {
  const list = listOf(item)
  const isSwitch = (word: string): word is 'on' | 'off' => word === 'on' || word === 'off'
  return kind(`\`on\`, \`off\`, or ${list.takes}`, (text) => {
    if (isSwitch(text)) return text
    const items = list.read(text)
    return items?.some(isSwitch) ? undefined : items
  })
}

/** A list with a maximum number of items. */
export const atMost = <T>(most: number, list: Kind<readonly T[]>): Kind<readonly T[]> =>
  kind(`${list.takes}; at most ${most}`, (text) => {
    const items = list.read(text)
    return items.length <= most ? items : undefined
  })

/** A word that passwords must not contain; they are compared in this spelling. */
export const forbiddenPattern: Kind<string> = kind('3 to 64 characters without spaces and commas', (text) => {
  const folded = text.normalize('NFKC').toLowerCase()
  return /^[^\s,\p{C}]{3,64}$/u.test(folded) ? folded : undefined
})

const ADDRESS = '[^\\s@<>"(),:;\\\\]{1,64}@[^\\s@<>"(),:;\\\\]{1,253}'
export const emailAddress: Kind<string> = text('an e-mail address', new RegExp(`^${ADDRESS}$`))
export const sender: Kind<string> = text(
  'an e-mail address, with or without a name: `Acme <no-reply@example.com>`',
  new RegExp(`^(?:[^<>\\x00-\\x1f\\x7f]{1,100} <${ADDRESS}>|${ADDRESS})$`),
)

/** What a provider knows this server by, and the secret that it has given it. RFC 6749 appendix A.1, A.2 */
export const clientId: Kind<string> = text('1 to 500 characters without spaces', /^[\x21-\x7e]{1,500}$/)
export const clientSecret: Kind<string> = text(
  '1 to 1000 printable characters',
  /^[\x21-\x7e](?:[\x20-\x7e]{0,998}[\x21-\x7e])?$/,
)

/** A private key of PKCS #8 in PEM; environments that permit one line write `\n` for a line break. */
export const privateKey: Kind<string> = kind(
  'a private key in PEM, which begins with `-----BEGIN PRIVATE KEY-----`',
  (text) => {
    const pem = text.replaceAll('\\n', '\n').trim()
    return /^-----BEGIN PRIVATE KEY-----\n[A-Za-z0-9+/=\s]{1,8000}-----END PRIVATE KEY-----$/.test(pem)
      ? pem
      : undefined
  },
)

/** The kind, or null where the setting is not set. */
export const nullable = <T>(kind: Kind<T>): Kind<T | null> => kind

/** A URL with its password and the secret values of its query masked. */
export function withoutPassword(text: string): string {
  if (!URL.canParse(text)) return '(not a URL)'
  const url = new URL(text)
  if (url.password) url.password = '***'
  for (const name of [...url.searchParams.keys()]) {
    if (/pass|secret|key|token/i.test(name)) url.searchParams.set(name, '***')
  }
  return url.href
}
