/** The context of traces and what is recorded in it, with a collector on a socket. */
import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type OtlpReceiver, startOtlpReceiver } from '../../testing/otlp-receiver.ts'
import { systemClock } from '../clock.ts'
import { problem } from '../errors.ts'
import { createMetrics, type Metrics } from '../metrics/index.ts'
import { createTracer, spanCounts, type Tracer } from './index.ts'

let collector: OtlpReceiver
let tracer: Tracer
let metrics: Metrics
const logged: [Record<string, unknown>, string][] = []
const write = (fields: Record<string, unknown>, message: string) => void logged.push([fields, message])
const log = { debug: write, info: write, warn: write, error: write }

beforeEach(async () => {
  collector = await startOtlpReceiver()
  logged.length = 0
  tracer = open(1)
})
afterEach(async () => {
  await tracer.close()
  expect(collector.faults).toEqual([])
  await collector.close()
})

function open(share: number): Tracer {
  metrics = createMetrics()
  const options = {
    endpoint: `${collector.url}/`,
    headers: {},
    resource: { 'service.name': 'latchkey' },
    version: '1.2.3',
    share,
    scheme: 'https',
    isTrusted: () => false,
    clock: systemClock(),
    log,
    patience: { delay: 5 },
  }
  return createTracer(options, spanCounts(metrics))
}
const spans = async () => {
  await tracer.close()
  return collector.spans
}
const statement = (text: string) => tracer.database.statement(text)

describe('a context', () => {
  it('is that of each piece of work, also where they take turns', async () => {
    await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        tracer.work(`work ${n}`, async () => {
          await pause(n % 3)
          const seen = statement(`select from "table_${'x'.repeat(n + 1)}"`)
          await pause(n % 2)
          seen?.end()
        }),
      ),
    )
    const all = await spans()
    for (let n = 0; n < 20; n += 1) {
      const root = all.find(({ name }) => name === `work ${n}`)
      const inside = all.filter(({ parentSpanId }) => parentSpanId === root?.spanId)
      expect(inside.map(({ name }) => name)).toEqual([`SELECT table_${'x'.repeat(n + 1)}`])
    }
  })

  it('ends with its root: what follows it is not recorded', async () => {
    let late: Promise<void> = Promise.resolve()
    await tracer.work('first', async () => {
      const open = statement('select from "early"')
      late = pause(20).then(() => {
        statement('select from "late"')?.end()
        open?.end()
        tracer.log(log).info({}, 'late')
      })
    })
    await tracer.work('second', () => late)
    expect((await spans()).map(({ name }) => name)).toEqual(['first', 'second'])
    expect(logged).toEqual([[{}, 'late']])
  })

  it('does not exist outside of recorded work', async () => {
    expect(statement('select 1')).toBeNull()
    expect(tracer.database.transaction()).toBeNull()
    await tracer.close()
    tracer = open(0)
    await tracer.work('unrecorded', async () => expect(statement('select 1')).toBeNull())
    expect(await spans()).toEqual([])
  })

  it('names its trace in the log, where the entry does not name one', async () => {
    const named = tracer.log(log)
    await tracer.work('work', async () => {
      await pause(1)
      named.warn({ a: 1 }, 'inside')
      named.error({ trace_id: 'other' }, 'another')
    })
    named.info({}, 'outside')
    const [root] = await spans()
    expect(logged).toEqual([
      [{ trace_id: root?.traceId, a: 1 }, 'inside'],
      [{ trace_id: 'other' }, 'another'],
      [{}, 'outside'],
    ])
  })
})

describe('a trace', () => {
  it('has 200 spans besides its root, and counts the others', async () => {
    await tracer.work('work', async () => {
      for (let n = 0; n < 250; n += 1) statement('select 1')?.end()
    })
    const [root, ...others] = await spans()
    expect(others).toHaveLength(200)
    expect(root?.attributes).toEqual({ 'latchkey.spans_missing': 50 })
  })

  it('has a statement of a transaction below it', async () => {
    await tracer.work('work', async () => {
      const transaction = tracer.database.transaction()
      transaction?.statement('update "sessions" set "id" = $1')?.end()
      transaction?.end()
    })
    const all = await spans()
    const idOf = (wanted: string) => all.find(({ name }) => name === wanted)?.spanId
    expect(all.map(({ name, parentSpanId }) => [name, parentSpanId])).toEqual([
      ['work', undefined],
      ['UPDATE sessions', idOf('transaction')],
      ['transaction', idOf('work')],
    ])
  })

  it.each<[string, unknown, string | null, string]>([
    [
      'an error of node',
      Object.assign(new Error('secret'), { code: 'ECONNRESET' }),
      'ECONNRESET',
      'ECONNRESET',
    ],
    ['an error of the database', Object.assign(new Error('secret'), { code: '23505' }), '23505', '23505'],
    ['a class of errors', new TypeError('secret'), 'TypeError', 'TypeError'],
    ['a refusal', problem('NOT_FOUND'), null, 'NOT_FOUND'],
    ['a failure of this server', problem('UNAVAILABLE'), 'UNAVAILABLE', 'UNAVAILABLE'],
    ['a text', 'secret', 'String', 'String'],
    ['a hostile code', { code: 'secret text' }, 'Object', 'Object'],
    ['nothing', null, 'Object', 'Object'],
  ])('has %s as its kind, never as its message', async (_what, error, failure, type) => {
    await tracer.work('work', async () => statement('select 1')?.end(error))
    const [, span] = await spans()
    expect([span?.error, span?.attributes['error.type']]).toEqual([failure, type])
    expect(JSON.stringify(collector.requests)).not.toContain('secret')
  })
})

describe('work that was not sampled', () => {
  it('is recorded where it fails, without its inside', async () => {
    await tracer.close()
    tracer = open(0)
    const failing = tracer.work('work', async () => {
      statement('select 1')?.end()
      throw new RangeError('secret')
    })
    await expect(failing).rejects.toThrow('secret')
    expect(await spans()).toMatchObject([
      { name: 'work', error: 'RangeError', flags: 0x100, attributes: { 'latchkey.kept': 'failed' } },
    ])
  })

  it('is recorded where it takes longer than a second', async () => {
    await tracer.close()
    tracer = open(0)
    await tracer.work('slow', () => pause(1010))
    expect(await spans()).toMatchObject([
      { name: 'slow', error: null, flags: 0x100, attributes: { 'latchkey.kept': 'slow' } },
    ])
  })
})

it('spans are a metric by what became of them', async () => {
  await tracer.work('work', async () => {})
  await tracer.close()
  await tracer.work('late', async () => {})
  const text = await metrics.write(systemClock().now())
  expect(text).toContain('latchkey_trace_spans_total{outcome="exported"} 1')
  expect(text).toContain('latchkey_trace_spans_total{outcome="dropped"} 1')
})
