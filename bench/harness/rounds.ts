/**
 * Contenders take turns in short rounds (A B C A B C …) after a warm-up, and a ratio is the median of the ratios
 * within each round: other activity of the machine affects all of them alike.
 */
import { type Bench, type Measured, median, type Round } from './bench.ts'
import type { Plan } from './wire.ts'

export interface Contender {
  name: string
  turn(seconds: number): Promise<Round>
  /** Every answer must have this status. */
  status?: string
  /** Answers before anything is counted. */
  warm?: number
}

export interface Contest {
  measured: Measured[]
  /** The CPU time a request of `b`, divided by that of `a`: above 1 `a` is cheaper. */
  byCpu(a: string, b: string): number
  /** The requests a second of `a`, divided by those of `b`. */
  byThroughput(a: string, b: string): number
}

export async function contest(bench: Bench, contenders: readonly Contender[]): Promise<Contest> {
  const { rounds, seconds } = bench.options
  const results = new Map<string, Round[]>(contenders.map(({ name }) => [name, []]))
  for (const contender of contenders) await warmUp(contender, seconds)
  for (let round = 0; round < rounds; round++) {
    for (const contender of contenders) {
      results.get(contender.name)?.push(await judged(contender, seconds))
    }
  }
  const each = (name: string, of: (round: Round) => number) => (results.get(name) ?? []).map(of)
  const cpu = ({ cpu, all }: Round) => cpu / all
  const rate = ({ completed, seconds }: Round) => completed / seconds
  const ratio = (over: number[], under: number[]) =>
    median(over.map((value, i) => value / (under[i] ?? Number.NaN)))
  return {
    measured: contenders.map(({ name }) => ({
      contender: name,
      cpuMicroseconds: median(each(name, cpu)),
      perSecond: median(each(name, rate)),
      p50: median(each(name, ({ tally }) => tally.latency.p50)),
      p99: median(each(name, ({ tally }) => tally.latency.p99)),
      serverCore: median(each(name, (round) => round.serverCore)),
      loadCore: median(each(name, (round) => round.loadCore)),
    })),
    byCpu: (a, b) => ratio(each(b, cpu), each(a, cpu)),
    byThroughput: (a, b) => ratio(each(a, rate), each(b, rate)),
  }
}

/** The load for a contender that serves HTTP. */
export async function serves(
  bench: Bench,
  name: string,
  { pid, port }: { pid: number; port: number },
  requests: string[],
  how: Pick<Plan, 'follow' | 'sticky' | 'then'> = {},
): Promise<Contender> {
  await bench.order({ plan: name, port, requests, ...how })
  return { name, turn: (seconds) => bench.round(pid, name, seconds) }
}

/** Until V8 has compiled hot code, which takes a number of requests and not a time. */
async function warmUp(contender: Contender, seconds: number): Promise<void> {
  const { warm = 25_000 } = contender
  let answered = 0
  for (let turn = 0; turn < 40 && answered < warm; turn++) {
    answered += (await judged(contender, seconds)).all
  }
}

/** Checks that all answers of a turn have the expected status. */
async function judged({ name, turn, status = '200' }: Contender, seconds: number): Promise<Round> {
  const result = await turn(seconds)
  if (Object.keys(result.tally.statuses).some((found) => found !== status))
    throw new Error(`${name} answered ${JSON.stringify(result.tally.statuses)}`)
  return result
}
