/**
 * The answer of an OpenID Connect issuer to a user who has signed in by it before, compared with a bare relying party
 * (contenders/relying-party.ts). The requests that send the browser there are not counted. The ratio is that of the CPU time.
 */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Bench, median, type Row } from '../harness/bench.ts'
import { startLatchkey } from '../harness/latchkey.ts'
import { cpuTime } from '../harness/machine.ts'
import { clientOf, deviceCookieOf, PEOPLE, populate } from '../harness/population.ts'
import { query } from '../harness/postgres.ts'

/** Answers of each contender in a turn, and before anything is counted: V8 compiles hot code after a number of calls. */
const TURN = 600
const WARM_TURNS = 4

interface RelyingParty {
  name: string
  pid: number
  port: number
  /** Sends the browser to the issuer. */
  begin: string
  callback: string
}

export const federation: Row = {
  name: 'federation',
  title: 'The answer of an OpenID Connect issuer, for a user whose account is connected',
  async measure(bench) {
    const [bare, server] = await relyingParties(bench)
    let person = 0
    const turn = async (party: RelyingParty) => {
      const answers = await inParallel(bench, TURN, () => begun(party, person++ % PEOPLE))
      const [cpu, began] = [cpuTime(party.pid), performance.now()]
      const statuses = await inParallel(bench, TURN, (n) => answers[n]?.())
      if (!statuses.every((status) => status === 302 || status === 303))
        throw new Error(`${party.name} answered ${statuses}`)
      const seconds = (performance.now() - began) / 1000
      return { cpu: (cpuTime(party.pid) - cpu) / TURN, perSecond: TURN / seconds }
    }
    for (let n = 0; n < WARM_TURNS; n++) for (const party of [bare, server]) await turn(party)
    const turns: Record<'bare' | 'server', Awaited<ReturnType<typeof turn>>>[] = []
    for (let n = 0; n < bench.options.rounds; n++)
      turns.push({ bare: await turn(bare), server: await turn(server) })
    return {
      measured: (['bare', 'server'] as const).map((one) => ({
        contender: (one === 'bare' ? bare : server).name,
        cpuMicroseconds: median(turns.map((measured) => measured[one].cpu)),
        perSecond: median(turns.map((measured) => measured[one].perSecond)),
      })),
      figures: [
        {
          what: `${server.name} ÷ ${bare.name}, by CPU`,
          value: median(turns.map((measured) => measured.bare.cpu / measured.server.cpu)),
          unit: '',
        },
      ],
      notes: [],
    }
  },
}

/** A bare relying party, and a server with this connection; both on one database, where every user has an identity. */
async function relyingParties(bench: Bench): Promise<[RelyingParty, RelyingParty]> {
  const issuer = await bench.issuerUrl()
  const { url, superuserUrl } = await (await bench.postgres()).makeDatabase()
  const dataDir = await bench.folder()
  const server = await startLatchkey({
    core: bench.cores.server,
    databaseUrl: url,
    dataDir,
    env: { LATCHKEY_SMTP_URL: await bench.smtpUrl() },
  })
  bench.onClose(() => server.stop())
  await populate(superuserUrl)
  const secret = join(dataDir, 'client-secret')
  await writeFile(secret, 'bench')
  const settings = ['--issuer', issuer, '--settings', '{"allows_private":true}']
  const client = ['--client-id', 'bench', '--secret-file', secret, '--name', 'Bench']
  await server.command('connections', 'create', 'oidc', ...settings, ...client, '--enable')
  await query(
    superuserUrl,
    `insert into latchkey.identities (id, user_id, connection_id, scope, issuer, subject, provider, email_verified, linked_at)
     select 'idn_' || substr(u.id, 5), u.id, c.id, '', $1, u.username, 'oidc', false, u.created_at
     from latchkey.users u, latchkey.connections c where u.username ~ '^person[0-9]+$'`,
    [issuer],
  )
  await query(
    superuserUrl,
    'create table latchkey.bench_round_trips (state_hash bytea primary key, nonce text not null)',
  )
  await query(superuserUrl, 'grant all on latchkey.bench_round_trips to latchkey_system')
  await query(superuserUrl, 'vacuum analyze')
  const bare = await bench.listener('relying-party', url, issuer)
  const external = '/api/v1/auth/external/oidc'
  return [
    { name: 'bare relying party', pid: bare.pid, port: bare.port, begin: '/begin', callback: '/callback' },
    {
      name: 'callback',
      pid: server.pid,
      port: server.port,
      begin: `${external}/authorize`,
      callback: `${external}/callback`,
    },
  ]
}

/** The request that brings the issuer's answer. @returns the status */
type Answer = () => Promise<number>

/** Sends a browser to the issuer, which answers at once. */
async function begun({ port, begin, callback, name }: RelyingParty, person: number): Promise<Answer> {
  const get = (path: string, cookie: string) =>
    fetch(`http://127.0.0.1:${port}${path}`, {
      redirect: 'manual',
      headers: { accept: 'text/html', 'x-forwarded-for': clientOf(person), cookie },
    })
  const sent = await get(begin, deviceCookieOf(person))
  await sent.arrayBuffer()
  const location = sent.headers.get('location')
  if (location === null) throw new Error(`${name} began with ${sent.status}`)
  const asked = new URL(location).searchParams
  const claims = { sub: `person${person}`, nonce: asked.get('nonce') }
  const code = Buffer.from(JSON.stringify(claims)).toString('base64url')
  const cookies = sent.headers.getSetCookie().map((cookie) => cookie.split(';', 1)[0])
  const path = `${callback}?${new URLSearchParams({ state: asked.get('state') ?? '', code })}`
  return async () => {
    const answered = await get(path, [deviceCookieOf(person), ...cookies].join('; '))
    await answered.arrayBuffer()
    const isFailed = answered.headers.get('location')?.startsWith('/sign-in/failed')
    return isFailed ? 401 : answered.status
  }
}

/** As many at a time as the load has connections. */
async function inParallel<T>(
  bench: Bench,
  count: number,
  one: (n: number) => Promise<T> | undefined,
): Promise<(T | undefined)[]> {
  const results: (T | undefined)[] = []
  let next = 0
  const connection = async () => {
    for (let n = next++; n < count; n = next++) results[n] = await one(n)
  }
  await Promise.all(Array.from({ length: bench.options.connections }, connection))
  return results
}
