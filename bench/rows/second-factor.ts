/**
 * A sign-in with a code of an authenticator app, compared with one by password alone, of the same server in turns. The ratio
 * is that of the CPU time of a whole sign-in, which is two requests with a code.
 */
import { base32, fromBase32 } from '../../packages/server/src/base/base32.ts'
import { keyring } from '../../packages/server/src/base/crypto.ts'
import { hotp, stepAt } from '../../packages/server/src/features/signin/totp/otp.ts'
import { type Bench, median, type Row } from '../harness/bench.ts'
import { type Latchkey, SECRET, startLatchkey } from '../harness/latchkey.ts'
import { cpuTime } from '../harness/machine.ts'
import { addressOf, clientOf, deviceCookieOf, PASSWORD, PEOPLE, populate } from '../harness/population.ts'
import { query } from '../harness/postgres.ts'

/** Hashes are slow, so that a round has to be long. */
const LONGER = 3
/** Sign-ins before anything is counted: V8 compiles hot code after a number of calls, which a hash makes rare. */
const WARM = 2000
const SETTINGS = { algorithm: 'SHA1', digits: 6, period: 30 } as const
const TOTP_SECRET = base32(Buffer.from('a secret of the bench'.slice(0, 20)))
/** The first user with an authenticator app. A code works once, so that each user signs in once in a step. */
const FIRST = PEOPLE / 2

const ALONE = 'password alone'
const WITH_CODE = 'password and code'

export const secondFactor: Row = {
  name: 'second-factor',
  title: 'Sign-in with a code of an authenticator app, beside one by password alone',
  async measure(bench) {
    const server = await populated(bench)
    const next = { [ALONE]: 0, [WITH_CODE]: FIRST }
    let warm = 0
    const turn = async (name: typeof ALONE | typeof WITH_CODE, seconds: number) => {
      const before = cpuTime(server.pid)
      const began = performance.now()
      const until = began + seconds * 1000
      let count = 0
      const connection = async () => {
        while (performance.now() < until) {
          await signIn(server.port, next[name]++, name === WITH_CODE)
          count += 1
        }
      }
      await Promise.all(Array.from({ length: bench.options.connections }, connection))
      warm += count
      const took = (performance.now() - began) / 1000
      return { cpu: (cpuTime(server.pid) - before) / count, perSecond: count / took }
    }
    const seconds = bench.options.seconds * LONGER
    for (let n = 0; n < 20 && warm < WARM; n++)
      for (const name of [ALONE, WITH_CODE] as const) await turn(name, seconds)
    const turns: Record<string, { cpu: number; perSecond: number }[]> = { [ALONE]: [], [WITH_CODE]: [] }
    for (let n = 0; n < bench.options.rounds; n++)
      for (const name of [ALONE, WITH_CODE] as const) turns[name]?.push(await turn(name, seconds))
    const of = (name: string, what: 'cpu' | 'perSecond') =>
      (turns[name] ?? []).map((measured) => measured[what])
    const ratios = of(WITH_CODE, 'cpu').map((cpu, n) => cpu / (of(ALONE, 'cpu')[n] ?? Number.NaN))
    return {
      measured: [ALONE, WITH_CODE].map((name) => ({
        contender: name,
        cpuMicroseconds: median(of(name, 'cpu')),
        perSecond: median(of(name, 'perSecond')),
      })),
      figures: [
        {
          what: `${WITH_CODE} ÷ ${ALONE}, by CPU of a sign-in`,
          value: median(ratios),
          unit: '',
          atMost: 1.15,
        },
      ],
      notes: [],
    }
  },
}

/** A server of this row alone, because a second factor changes what other rows measure. */
async function populated(bench: Bench): Promise<Latchkey> {
  const { url, superuserUrl } = await (await bench.postgres()).makeDatabase()
  const server = await startLatchkey({
    core: bench.cores.server,
    databaseUrl: url,
    dataDir: await bench.folder(),
    env: { LATCHKEY_SMTP_URL: await bench.smtpUrl() },
  })
  bench.onClose(() => server.stop())
  await populate(superuserUrl)
  const sealed = keyring(SECRET).encrypt('totp', TOTP_SECRET)
  await query(
    superuserUrl,
    `with enrolled as (
       insert into latchkey.factors (id, user_id, kind, created_at, confirmed_at)
       select 'fac_' || substr(u.id, 5), u.id, 'totp', $1::timestamptz, $1::timestamptz from latchkey.users u
       where substr(u.username, 7)::int >= ${FIRST} and u.username ~ '^person[0-9]+$' returning id, user_id)
     insert into latchkey.totp_secrets (factor_id, user_id, secret) select id, user_id, $2 from enrolled`,
    [new Date().toISOString(), sealed],
  )
  await query(superuserUrl, 'vacuum analyze')
  return server
}

async function signIn(port: number, i: number, withCode: boolean): Promise<void> {
  const user = withCode ? FIRST + (i % FIRST) : i % FIRST
  const post = async (path: string, body: unknown, status: number) => {
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/${path}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'x-forwarded-for': clientOf(user),
        cookie: deviceCookieOf(user),
      },
      body: JSON.stringify(body),
    })
    const text = await response.text()
    if (response.status !== status) throw new Error(`${path} answered ${response.status}: ${text}`)
    return JSON.parse(text)
  }
  const login = { email: addressOf(user), password: PASSWORD }
  const answer = await post('auth/login', login, withCode ? 401 : 200)
  if (!withCode) return
  const code = hotp(fromBase32(TOTP_SECRET), stepAt(new Date(), SETTINGS.period), SETTINGS)
  await post('auth/mfa/verify', { attempt: answer.error.details.attempt, method: 'totp', code }, 200)
}
