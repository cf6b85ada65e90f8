/**
 * Sign-in and sign-up, compared with a process that only verifies passwords with the same parameters and the same
 * concurrency. The ratio is that of the CPU time, because other processes of the machine affect both alike.
 */
import type { Hashed, HashOrder } from '../contenders/hash.ts'
import { type Bench, type Measured, median, type Round, type Row, type RowResult } from '../harness/bench.ts'
import { type Latchkey, startLatchkey } from '../harness/latchkey.ts'
import { cpuTime } from '../harness/machine.ts'
import { ARGON2, addressOf, clientOf, deviceCookieOf, PASSWORD, PEOPLE } from '../harness/population.ts'
import { ask, nextMessage } from '../harness/process.ts'
import { requestText } from '../harness/wire.ts'

/** Hashes are slow, so that a round has to be long. */
const LONGER = 3
/** Answers before anything is counted: V8 compiles hot code after a number of calls, which a hash makes rare. */
const WARM = 2500

export const signIn: Row = {
  name: 'sign-in',
  title: 'Sign-in by password from a known device (argon2id 19 MiB, 2 passes)',
  measure: async (bench) =>
    against(bench, (await bench.latchkey()).server, {
      name: 'auth/login',
      status: '200',
      atLeast: 0.9,
      request: (i) =>
        requestText(
          'POST',
          '/api/v1/auth/login',
          { 'x-forwarded-for': clientOf(i), cookie: deviceCookieOf(i % PEOPLE) },
          { email: addressOf(i % PEOPLE), password: PASSWORD },
        ),
    }),
}

export const signUp: Row = {
  name: 'sign-up',
  title: 'Sign-up with an e-mail to verify the address',
  measure: async (bench) =>
    against(bench, (await bench.latchkey()).server, { name: 'auth/register', ...registration }),
}

export const signUpWithoutEmail: Row = {
  name: 'sign-up-without-email',
  title: 'Sign-up without verification, which starts a session and sends no e-mail',
  async measure(bench) {
    const { url } = await (await bench.postgres()).makeDatabase()
    const server = await startLatchkey({
      core: bench.cores.server,
      databaseUrl: url,
      dataDir: await bench.folder(),
      env: { LATCHKEY_EMAIL_VERIFICATION: 'off' },
    })
    const asked = { name: 'auth/register, no e-mail', atLeast: 0.85, ...registration }
    return await against(bench, server, asked).finally(() => server.stop())
  },
}

const registration = {
  status: '201',
  request: (i: number) =>
    requestText(
      'POST',
      '/api/v1/auth/register',
      { 'x-forwarded-for': clientOf(i) },
      { email: `new.person${i}@example.com`, password: PASSWORD },
    ),
}

interface Asked {
  name: string
  status: string
  atLeast?: number
  request(i: number): string
}

async function against(
  bench: Bench,
  server: Latchkey,
  asked: Asked,
): Promise<Omit<RowResult, 'row' | 'title'>> {
  const hashing = bench.contender('hash')
  await nextMessage(hashing)
  const requests = Array.from({ length: PEOPLE }, (_, i) => asked.request(i))
  await bench.order({ plan: asked.name, port: server.port, requests })
  const seconds = bench.options.seconds * LONGER
  const order: HashOrder = { seconds, memoryCost: ARGON2.memoryCost, timeCost: ARGON2.timeCost }
  // what is hot must be compiled, as it is in a server that has run for a while
  for (let turn = 0, answered = 0; turn < 40 && answered < WARM; turn++) {
    answered += (await bench.round(server.pid, asked.name, seconds)).all
  }
  const rates: { hash: number; hashCpu: number; round: Round; ratio: number; byCpu: number }[] = []
  for (let i = 0; i < bench.options.rounds; i++) {
    const before = cpuTime(hashing.pid)
    const hashed = await ask<Hashed>(hashing, order)
    const hashCpu = (cpuTime(hashing.pid) - before) / hashed.completed
    const round = await bench.round(server.pid, asked.name, seconds)
    const wrong = Object.keys(round.tally.statuses).filter((status) => status !== asked.status)
    if (wrong.length > 0) throw new Error(`${asked.name} answered ${JSON.stringify(round.tally.statuses)}`)
    const hash = hashed.completed / hashed.seconds
    const ratio = round.completed / round.seconds / hash
    rates.push({ hash, hashCpu, round, ratio, byCpu: hashCpu / (round.cpu / round.all) })
  }
  const of = (pick: (rate: (typeof rates)[number]) => number) => median(rates.map(pick))
  const measured: Measured[] = [
    { contender: 'argon2id alone', cpuMicroseconds: of((r) => r.hashCpu), perSecond: of((r) => r.hash) },
    {
      contender: asked.name,
      cpuMicroseconds: of(({ round }) => round.cpu / round.all),
      perSecond: of(({ round }) => round.completed / round.seconds),
      p50: of(({ round }) => round.tally.latency.p50),
      p99: of(({ round }) => round.tally.latency.p99),
      serverCore: of(({ round }) => round.serverCore),
      loadCore: of(({ round }) => round.loadCore),
    },
  ]
  const target = asked.atLeast === undefined ? {} : { atLeast: asked.atLeast }
  return {
    measured,
    figures: [
      {
        what: `${asked.name} ÷ argon2id alone, by throughput`,
        value: of((r) => r.ratio),
        unit: '',
      },
      { what: `${asked.name} ÷ argon2id alone, by CPU`, value: of((r) => r.byCpu), unit: '', ...target },
    ],
    notes: [],
  }
}
