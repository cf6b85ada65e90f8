/**
 * DNS look-ups of TXT records (RFC 1035 §3.3.14), by which the owner of a domain proves it. A name server is not trusted:
 * the whole look-up has a timeout, and a failure has a word of a closed list. Invariant: each look-up asks the name
 * servers; nothing is kept between two.
 */
import { Resolver } from 'node:dns/promises'

/** Why a look-up failed. `servfail` is also the answer for a zone whose DNSSEC signatures are wrong. */
export const DNS_FAULTS = ['timeout', 'servfail', 'refused', 'unreachable', 'malformed'] as const
export type DnsFault = (typeof DNS_FAULTS)[number]

/** No values: the name does not exist, or has no TXT record. */
export type TxtAnswer = { values: readonly string[] } | { fault: DnsFault }

/** Milliseconds for the first answer of one name server; the second try waits twice as long. */
const TRY = 1000
const TRIES = 2
/** Milliseconds for the whole look-up, over all name servers. */
const LIMIT = 5000

const FAULTS: Readonly<Record<string, DnsFault>> = {
  ECANCELLED: 'timeout',
  ETIMEOUT: 'timeout',
  ESERVFAIL: 'servfail',
  EREFUSED: 'refused',
  ENOTIMP: 'refused',
  ECONNREFUSED: 'unreachable',
}

/** @param servers each `address[:port]`; none: those of the system */
export async function lookupTxt(name: string, servers: readonly string[]): Promise<TxtAnswer> {
  const resolver = new Resolver({ timeout: TRY, tries: TRIES })
  if (servers.length > 0) resolver.setServers(servers)
  const limit = setTimeout(() => resolver.cancel(), LIMIT)
  try {
    // a record may consist of several strings, which together are its value (RFC 7208 §3.3 has the same rule)
    return { values: (await resolver.resolveTxt(name)).map((strings) => strings.join('')) }
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    if (code === 'ENOTFOUND' || code === 'ENODATA') return { values: [] }
    return { fault: FAULTS[code] ?? 'malformed' }
  } finally {
    clearTimeout(limit)
  }
}
