/**
 * The cost of verifying a new token in the guard, and that of its signature alone with node:crypto, with the key and
 * the bytes in memory. Each round has a new guard, so that tokens can be used again in the next.
 */
import { createPublicKey, type JsonWebKey, type KeyObject, verify } from 'node:crypto'
import { createGuard, latchkey } from '@latchkey/guard'

export interface UnseenOrder {
  issuer: string
  url: string
  tokens: string[]
  rounds: number
  /** Warm-up rounds, which are not counted. */
  warm: number
}
/** CPU time per token in microseconds, of each round. */
export interface Unseen {
  guard: number[]
  bare: number[]
}

process.on('message', (order: UnseenOrder) => void measure(order))
process.on('disconnect', () => process.exit(0))
process.send?.({})

async function measure({ issuer, url, tokens, rounds, warm }: UnseenOrder): Promise<void> {
  const verifyBare = bare(tokens, await keysOf(url))
  const [first = '', ...others] = tokens
  const figures: Unseen = { guard: [], bare: [] }
  for (let round = -warm; round < rounds; round++) {
    const judge = guarded(issuer, url)
    // fetches the keys
    await judge(requestWith(first))
    const requests = others.map(requestWith)
    const byGuard = timed(others.length, () => requests.forEach(judge))
    if (judge.passed() !== tokens.length) throw new Error('the guard refused a token, or waited')
    const byBare = timed(others.length, verifyBare)
    if (round < 0) continue
    figures.guard.push(byGuard)
    figures.bare.push(byBare)
  }
  process.send?.(figures)
}

function timed(count: number, work: () => void): number {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / count
}

/** Calls the hook as Fastify does. */
function guarded(issuer: string, url: string) {
  const hook = createGuard({ methods: [latchkey({ issuer, url, revocation: 'none' })] }).fastify({
    permissions: 'dashboard:read',
  })
  let passed = 0
  const refused = { code() {}, header() {}, send() {} }
  const judge = (request: Parameters<typeof hook>[0]) =>
    new Promise<void>((resolve) =>
      hook(request, refused, () => {
        passed++
        resolve()
      }),
    )
  return Object.assign(judge, { passed: () => passed })
}

function requestWith(token: string) {
  const headers = { host: 'api.example.test', 'user-agent': 'bench', authorization: `Bearer ${token}` }
  const rawHeaders = Object.entries(headers).flat()
  const raw = { method: 'GET', url: '/invoices', headers, rawHeaders, socket: {} }
  return { raw: raw as unknown as import('node:http').IncomingMessage }
}

function bare(tokens: readonly string[], keys: ReadonlyMap<unknown, KeyObject>): () => void {
  const [, ...parts] = tokens.map((token) => {
    const [header = '', claims = '', signature = ''] = token.split('.')
    const { kid } = JSON.parse(Buffer.from(header, 'base64url').toString()) as { kid: string }
    const key = keys.get(kid)
    if (!key) throw new Error(`no key is ${kid}`)
    return {
      signed: Buffer.from(`${header}.${claims}`),
      signature: Buffer.from(signature, 'base64url'),
      key: { key, dsaEncoding: 'ieee-p1363' } as const,
    }
  })
  return () => {
    for (const { signed, signature, key } of parts)
      if (!verify('sha256', signed, key, signature)) throw new Error('a signature is wrong')
  }
}

async function keysOf(url: string): Promise<Map<unknown, KeyObject>> {
  const { keys } = (await (await fetch(`${url}/.well-known/jwks.json`)).json()) as { keys: JsonWebKey[] }
  return new Map(keys.map((jwk) => [jwk.kid, createPublicKey({ key: jwk, format: 'jwk' })]))
}
