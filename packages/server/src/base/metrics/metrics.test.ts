/** The registry of metrics, the text that it writes, and metrics of several workers as one. */
import { EventEmitter } from 'node:events'
import { describe, expect, it } from 'vitest'
import { createMetrics, type Metrics } from './index.ts'
import { metricsForWorkers, siblingsOverPrimary, type WorkerChannel } from './workers.ts'

const NOW = new Date('2026-11-27T12:00:00Z')
const linesOf = async (metrics: Metrics) =>
  (await metrics.write(NOW))
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#') && !line.startsWith('latchkey_metrics_unread'))

describe('a counter', () => {
  it('counts each of its series, whose cell is found again', async () => {
    const metrics = createMetrics()
    const answered = metrics.counter('answers_total', { help: 'Answers.', labels: ['status', 'route'] })
    const cell = answered({ status: '200', route: '/a' })
    cell.add()
    cell.add(2)
    answered({ route: '/a', status: '200' }).add()
    answered({ status: '404', route: '/a' }).add()
    expect(await linesOf(metrics)).toEqual([
      'latchkey_answers_total{status="200",route="/a"} 4',
      'latchkey_answers_total{status="404",route="/a"} 1',
    ])
  })

  it('is described, also before it has counted anything', async () => {
    const metrics = createMetrics()
    metrics.counter('answers_total', { help: 'Answers "so far"\nof all.', labels: [] })
    const text = await metrics.write(NOW)
    expect(text).toContain('# HELP latchkey_answers_total Answers "so far"\\nof all.')
    expect(text).toContain('# TYPE latchkey_answers_total counter')
  })

  it('quotes the values of labels', async () => {
    const metrics = createMetrics()
    metrics
      .counter('odd_total', { help: 'Odd.', labels: ['name'] })({ name: 'a"b\\c\nd' })
      .add()
    expect(await linesOf(metrics)).toEqual(['latchkey_odd_total{name="a\\"b\\\\c\\nd"} 1'])
  })

  it('has a name that no other has', () => {
    const metrics = createMetrics()
    metrics.counter('answers_total', { help: 'Answers.', labels: [] })
    expect(() => metrics.gauge('answers_total', { help: 'Again.', labels: [] }, () => [])).toThrow(
      'latchkey_answers_total is already registered',
    )
  })
})

describe('a histogram', () => {
  it('counts by upper bounds, which are inclusive', async () => {
    const metrics = createMetrics()
    const seconds = metrics.histogram('took_seconds', { help: 'Time.', labels: ['of'], buckets: [0.1, 1] })
    for (const value of [0.05, 0.1, 0.5, 2]) seconds({ of: 'x' }).observe(value)
    expect(await linesOf(metrics)).toEqual([
      'latchkey_took_seconds_bucket{of="x",le="0.1"} 2',
      'latchkey_took_seconds_bucket{of="x",le="1"} 3',
      'latchkey_took_seconds_bucket{of="x",le="+Inf"} 4',
      'latchkey_took_seconds_sum{of="x"} 2.65',
      'latchkey_took_seconds_count{of="x"} 4',
    ])
  })
})

describe('a gauge', () => {
  const unread = async (metrics: Metrics) =>
    /^latchkey_metrics_unread (\d+)$/m.exec(await metrics.write(NOW))?.[1]

  it('that fails or does not answer in time is left out, and counted', async () => {
    const metrics = createMetrics()
    metrics.gauge('good', { help: 'Good.', labels: [] }, () => [{ labels: {}, value: 1 }])
    expect(await unread(metrics)).toBe('0')
    metrics.gauge('bad', { help: 'Bad.', labels: [] }, () => {
      throw new Error('no database')
    })
    metrics.gauge('rejected', { help: 'Rejected.', labels: [] }, () => Promise.reject(new Error('gone')))
    metrics.gauge('slow', { help: 'Slow.', labels: [] }, () => new Promise(() => {}))
    expect(await unread(metrics)).toBe('3')
    expect(await linesOf(metrics)).toEqual(['latchkey_good 1'])
  })

  it('is not read again while it is being read', async () => {
    const metrics = createMetrics()
    let reads = 0
    let answer: (value: { labels: object; value: number }[]) => void = () => {}
    metrics.gauge('slow', { help: 'Slow.', labels: [] }, () => {
      reads += 1
      return new Promise((resolve) => {
        answer = resolve
      })
    })
    await Promise.all([metrics.write(NOW), metrics.write(NOW)])
    await metrics.write(NOW)
    expect(reads).toBe(1)
    const written = linesOf(metrics)
    answer([{ labels: {}, value: 4 }])
    expect(await written).toEqual(['latchkey_slow 4'])
    void metrics.write(NOW)
    expect(reads).toBe(2)
    answer([])
  })

  it('of several workers has the least or the greatest of their values, where that is declared', async () => {
    const other = createMetrics()
    const metrics = createMetrics(async () => [await other.ofProcess(NOW)])
    for (const [one, value] of [
      [metrics, 1],
      [other, 3],
    ] as const) {
      one.gauge('lowest', { help: 'Lowest.', labels: [], workers: 'min' }, () => [{ labels: {}, value }])
      one.gauge('highest', { help: 'Highest.', labels: [], workers: 'max' }, () => [{ labels: {}, value }])
    }
    expect(await linesOf(metrics)).toEqual(['latchkey_lowest 1', 'latchkey_highest 3'])
  })
})

/** Workers whose channels to a primary process are events here. */
function cluster(count: number, isMute: (id: number) => boolean = () => false): Metrics[] {
  return clusterOf(count, isMute).workers
}

function clusterOf(count: number, isMute: (id: number) => boolean = () => false) {
  const ends = Array.from({ length: count }, () => new EventEmitter())
  const channels: WorkerChannel[] = ends.map((end, id) => ({
    id,
    isConnected: () => true,
    send: (message) => setImmediate(() => end.emit('message', structuredClone(message))),
  }))
  const { receive, write } = metricsForWorkers(() => channels)
  const workers = ends.map((end, id) => {
    const channel = {
      on: end.on.bind(end),
      send: (message: object) => {
        if (isMute(id) && JSON.stringify(message).includes('"reported"')) return
        const channel = channels.find((one) => one.id === id)
        if (channel) setImmediate(() => receive(channel, structuredClone(message)))
      },
    }
    const metrics: Metrics = createMetrics(
      siblingsOverPrimary(
        channel,
        () => metrics.ofProcess(NOW),
        async () => {
          if (isMute(id)) throw new Error('broken')
          return metrics.write(NOW)
        },
      ),
    )
    metrics
      .counter('answers_total', { help: 'Answers.', labels: ['status'] })({ status: '200' })
      .add(id + 1)
    metrics
      .histogram('took_seconds', { help: 'Time.', labels: [], buckets: [1] })({})
      .observe(id)
    metrics.gauge('tasks', { help: 'Tasks.', labels: [], workers: 'sum' }, () => [{ labels: {}, value: 10 }])
    metrics.gauge('users', { help: 'Users.', labels: [] }, () => [{ labels: {}, value: 7 }])
    return metrics
  })
  return { workers, write, channels }
}

describe('the metrics of three workers', () => {
  it('are summed, except those that are the same for all', async () => {
    const [first, , third] = cluster(3)
    for (const metrics of [first, third]) {
      expect(metrics && (await linesOf(metrics))).toEqual([
        'latchkey_answers_total{status="200"} 6',
        'latchkey_took_seconds_bucket{le="1"} 2',
        'latchkey_took_seconds_bucket{le="+Inf"} 3',
        'latchkey_took_seconds_sum 3',
        'latchkey_took_seconds_count 3',
        'latchkey_tasks 30',
        'latchkey_users 7',
      ])
    }
  })

  it('are read several times at once', async () => {
    const workers = cluster(3)
    const read = await Promise.all([...workers, ...workers].map(linesOf))
    expect(new Set(read.map((lines) => lines[0]))).toEqual(
      new Set(['latchkey_answers_total{status="200"} 6']),
    )
  })

  it('lack those of a worker that does not answer', async () => {
    const [first] = cluster(3, (id) => id === 1)
    expect(first && (await linesOf(first))[0]).toBe('latchkey_answers_total{status="200"} 4')
  })

  it('do not fall where a worker has ended or does not answer any more', async () => {
    const mute = new Set<number>()
    const { workers, channels } = clusterOf(4, (id) => mute.has(id))
    const [first] = workers
    const read = async () => (first ? await linesOf(first) : [])
    expect((await read())[0]).toBe('latchkey_answers_total{status="200"} 10')
    mute.add(1)
    channels.splice(2, 1)
    for (let again = 0; again < 2; again++) {
      const lines = await read()
      expect(lines[0]).toBe('latchkey_answers_total{status="200"} 10')
      expect(lines).toContain('latchkey_took_seconds_count 4')
      // what is true of the others alone
      expect(lines).toContain('latchkey_tasks 20')
    }
  })

  it('are written for the primary process by the first that can', async () => {
    const broken = clusterOf(3, (id) => id === 0)
    expect(await broken.write()).toContain('latchkey_answers_total{status="200"} 5\n')
    await expect(clusterOf(2, () => true).write()).rejects.toThrow('no worker has answered')
    await expect(clusterOf(0).write()).rejects.toThrow('no worker has answered')
  })

  it('are those of one where there is no other', async () => {
    const [only] = cluster(1)
    expect(only && (await linesOf(only))[0]).toBe('latchkey_answers_total{status="200"} 1')
  })
})
