/** The exporter against a collector on a real socket that fails in every way it can. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type OtlpReceiver, startOtlpReceiver } from '../../testing/otlp-receiver.ts'
import { systemClock } from '../clock.ts'
import { createExporter, type Exporter, type ExportPatience } from './exporter.ts'
import type { Span } from './span.ts'

const PATIENT: ExportPatience = {
  delay: 5,
  timeout: 20_000,
  firstWait: 10,
  longestWait: 200,
  tries: 4,
  flush: 20_000,
}
/** Where no answer comes. */
const QUICK: ExportPatience = { ...PATIENT, timeout: 100, flush: 200 }
const clock = systemClock()

let collector: OtlpReceiver
let logged: string[]
let exporter: Exporter
let counted: { exported: number; refused: number; dropped: number }

beforeEach(async () => {
  collector = await startOtlpReceiver()
  logged = []
  counted = { exported: 0, refused: 0, dropped: 0 }
  exporter = exporterTo(collector.url)
})
afterEach(async () => {
  await exporter.close()
  expect(collector.faults).toEqual([])
  await collector.close()
})

function exporterTo(url: string, headers: Record<string, string> = {}, patience = PATIENT): Exporter {
  const mine = counted
  const cell = (name: keyof typeof counted) => ({
    add(amount = 1) {
      mine[name] += amount
    },
  })
  return createExporter({
    url: `${url}/v1/traces`,
    headers,
    resource: { 'service.name': 'latchkey' },
    version: '1.2.3',
    clock,
    log: {
      info: (_fields, message) => void logged.push(message),
      warn: ({ reason }, message) => void logged.push(`${message}: ${reason}`),
    },
    counts: { exported: cell('exported'), refused: cell('refused'), dropped: cell('dropped') },
    patience,
  })
}

let spans = 0
const someSpans = (count: number): Span[] =>
  Array.from({ length: count }, () => {
    spans += 1
    return {
      traceId: 'a'.repeat(32),
      spanId: spans.toString(16).padStart(16, '0'),
      parentId: null,
      hasRemoteParent: false,
      isSampled: true,
      state: '',
      name: 'test',
      kind: 'internal',
      attributes: { text: 'ä', whole: 2 ** 40, part: 0.5, yes: true },
      beganAt: 1_900_000_000_000.25,
      endedAt: 1_900_000_000_001.5,
      error: null,
    }
  })

describe('what is sent', () => {
  it('is one request for several spans, in the JSON of OTLP', async () => {
    exporter.add(someSpans(2))
    exporter.add(someSpans(3))
    await expect.poll(() => counted.exported).toBe(5)
    expect(collector.requests).toHaveLength(1)
    expect(collector.spans[0]).toMatchObject({
      began: 1_900_000_000_000_250_000n,
      ended: 1_900_000_000_001_500_000n,
      attributes: { text: 'ä', whole: 2 ** 40, part: 0.5, yes: true },
      resource: { 'service.name': 'latchkey' },
    })
  })

  it('has the headers of the settings', async () => {
    const other = exporterTo(collector.url, { authorization: 'Bearer abc', 'x-tenant': '7' })
    other.add(someSpans(1))
    await other.close()
    expect(collector.requests[0]?.headers).toMatchObject({ authorization: 'Bearer abc', 'x-tenant': '7' })
  })

  it('is at most 512 spans at once', async () => {
    exporter.add(someSpans(1200))
    await expect.poll(() => counted.exported).toBe(1200)
    expect(collector.requests).toHaveLength(3)
  })
})

describe('a collector', () => {
  it.each([429, 502, 503, 504])('that answers %i gets the same spans again', async (status) => {
    let refusals = 2
    const { answer } = collector
    collector.answer = (_req, res) => {
      refusals -= 1
      if (refusals === 0) collector.answer = answer
      res.writeHead(status).end('later')
    }
    exporter.add(someSpans(3))
    await expect.poll(() => counted.exported).toBe(3)
    expect(collector.requests).toHaveLength(3)
    expect(new Set(collector.requests.map(({ body }) => body)).size).toBe(1)
    expect(logged).toEqual([
      `exporting traces failed; spans are dropped while it does: the collector answered with status ${status}`,
      'traces are exported again',
    ])
    expect(counted.dropped).toBe(0)
  })

  it.each([
    ['seconds', () => '1'],
    ['a date', () => new Date(clock.now().getTime() + 60_000).toUTCString()],
  ])('is given the time that Retry-After names in %s, up to a bound', async (_unit, value) => {
    const { answer } = collector
    const times: number[] = []
    collector.answer = (_req, res) => {
      times.push(clock.ticks())
      collector.answer = answer
      res.writeHead(429, { 'retry-after': value() }).end()
    }
    exporter.add(someSpans(1))
    await expect.poll(() => counted.exported).toBe(1)
    expect(clock.ticks() - (times[0] ?? 0)).toBeGreaterThanOrEqual(QUICK.longestWait - 2)
  })

  it.each([301, 400, 401, 404, 500])('that answers %i does not get them again', async (status) => {
    collector.answer = (_req, res) => void res.writeHead(status, { location: collector.url }).end()
    exporter.add(someSpans(2))
    await expect.poll(() => counted.dropped).toBe(2)
    expect(collector.requests).toHaveLength(1)
  })

  it('that is down costs the spans after some tries', async () => {
    await collector.close()
    exporter.add(someSpans(2))
    await expect.poll(() => counted.dropped).toBe(2)
    expect(logged).toHaveLength(1)
  })

  it('that never answers costs the spans after some tries', async () => {
    collector.answer = () => {}
    exporter = exporterTo(collector.url, {}, QUICK)
    exporter.add(someSpans(2))
    await expect.poll(() => counted.dropped).toBe(2)
    expect(collector.requests).toHaveLength(QUICK.tries)
  })

  it('that cuts the connection costs them too', async () => {
    collector.answer = (req) => req.socket.destroy()
    exporter.add(someSpans(2))
    await expect.poll(() => counted.dropped).toBe(2)
  })

  it('that answers without end is left, and not asked again', async () => {
    collector.answer = (_req, res) => void res.end('x'.repeat(1_000_000))
    exporter.add(someSpans(2))
    await expect.poll(() => counted.dropped).toBe(2)
    expect(collector.requests).toHaveLength(1)
  })

  it.each([
    '',
    'garbage',
    'null',
    '[]',
    '{"partialSuccess":null}',
    '{"partialSuccess":{"rejectedSpans":"x"}}',
  ])('that accepts with an unreadable answer has accepted: %s', async (text) => {
    collector.answer = (_req, res) => void res.end(text)
    exporter.add(someSpans(2))
    await expect.poll(() => counted.exported).toBe(2)
  })

  it.each(['1', 1])('that refuses a part is counted as such: %s', async (rejectedSpans) => {
    collector.answer = (_req, res) =>
      void res.end(JSON.stringify({ partialSuccess: { rejectedSpans, errorMessage: 'too old' } }))
    exporter.add(someSpans(3))
    await expect.poll(() => counted).toEqual({ exported: 2, refused: 1, dropped: 0 })
  })
})

describe('the queue', () => {
  it('holds 2048 spans besides those under way; others are dropped and counted', async () => {
    collector.answer = () => {}
    exporter = exporterTo(collector.url, {}, { ...PATIENT, flush: 100 })
    exporter.add(someSpans(512))
    await expect.poll(() => collector.requests.length).toBe(1)
    for (let n = 0; n < 3; n += 1) exporter.add(someSpans(1000))
    expect(exporter.isFull()).toBe(true)
    expect(counted.dropped).toBe(3000 - 2048)
  })

  it('is sent when the server stops', async () => {
    exporter.add(someSpans(700))
    await Promise.all([exporter.close(), exporter.close()])
    expect(counted).toEqual({ exported: 700, refused: 0, dropped: 0 })
    exporter.add(someSpans(1))
    expect(counted.dropped).toBe(1)
  })

  it('is left behind by a stop if the collector does not answer in time', async () => {
    collector.answer = () => {}
    exporter = exporterTo(collector.url, {}, { ...PATIENT, timeout: 1000, flush: 200 })
    exporter.add(someSpans(600))
    await expect.poll(() => collector.requests.length).toBe(1)
    exporter.add(someSpans(600))
    await exporter.close()
    await expect.poll(() => counted.dropped).toBe(1200)
    expect(counted.exported).toBe(0)
  })

  it('is sent by a stop also while a retry waits', async () => {
    const { answer } = collector
    collector.answer = (_req, res) => {
      collector.answer = answer
      res.writeHead(503, { 'retry-after': '60' }).end()
    }
    exporter.add(someSpans(1))
    await expect.poll(() => logged.length).toBe(1)
    exporter.add(someSpans(1))
    await exporter.close()
    expect(counted.exported).toBeGreaterThanOrEqual(1)
    expect(counted.exported + counted.dropped).toBe(2)
  })
})
