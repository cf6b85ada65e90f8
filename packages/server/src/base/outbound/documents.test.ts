/** Documents of other hosts in memory: single-flight, background refreshes, and the limits of count, size, age and renewals. */
import { beforeEach, describe, expect, it, test } from 'vitest'
import { BadDocument, createDocuments, jsonOf, type Wanted } from './documents.ts'
import { NoAnswer, type OutboundAnswer, type OutboundRequest } from './request.ts'

const MINUTE = 60_000
let now: Date
let requests: OutboundRequest[]
let warnings: object[]
let answer: (request: OutboundRequest) => Promise<OutboundAnswer>
beforeEach(() => {
  now = new Date('2030-01-01T00:00:00Z')
  requests = []
  warnings = []
  answer = async () => json({ n: requests.length })
})

const json = (value: unknown, status = 200): OutboundAnswer => ({
  status,
  type: 'application/json',
  cacheControl: '',
  retryAfter: '',
  text: JSON.stringify(value),
})
const wanted = (url = 'https://idp.example.com/keys', more: Partial<Wanted<{ n: number }>> = {}) => ({
  owner: 'con_1',
  kind: 'keys',
  url,
  allowPrivate: false,
  refreshAfter: 5 * MINUTE,
  expireAfter: 60 * MINUTE,
  read(value: unknown) {
    if (typeof value !== 'object' || value === null || !('n' in value)) throw new BadDocument('it has no n')
    return value as { n: number }
  },
  ...more,
})
const open = (most?: { count: number; bytes: number }) =>
  createDocuments({
    clock: { now: () => now },
    log: { warn: (fields) => void warnings.push(fields) },
    async request(request) {
      requests.push(request)
      return answer(request)
    },
    ...(most && { most }),
  })
const pass = (minutes: number) => {
  now = new Date(now.getTime() + minutes * MINUTE)
}
/** Lets what runs in the background end. */
const settle = () => new Promise((done) => setImmediate(done))

describe('a document', () => {
  it('is fetched once by many that need it at the same time, within the limits of time and size', async () => {
    const documents = open()
    const found = await Promise.all(Array.from({ length: 20 }, () => documents.find(wanted())))
    expect(found.map(({ n }) => n)).toEqual(Array(20).fill(1))
    expect(requests).toMatchObject([
      { method: 'GET', timeoutMs: 5000, maxBytes: 262_144, allowPrivate: false },
    ])
  })

  it('that cannot be fetched is not requested again for a while, where its kind says so', async () => {
    const documents = open()
    answer = async () => ({ status: 500, type: '', cacheControl: '', retryAfter: '', text: '' })
    const slow = wanted(undefined, { retryAfter: MINUTE })
    await Promise.all(
      Array.from({ length: 5 }, () => expect(documents.find(slow)).rejects.toThrow('status 500')),
    )
    await expect(documents.find(slow)).rejects.toThrow('status 500')
    expect(requests).toHaveLength(1)
    pass(1)
    await expect(documents.find(slow)).rejects.toThrow('status 500')
    expect(requests).toHaveLength(2)
    await expect(documents.find(wanted(undefined, { kind: 'other' }))).rejects.toThrow('status 500')
    await expect(documents.find(wanted(undefined, { kind: 'other' }))).rejects.toThrow('status 500')
    expect(requests).toHaveLength(4)
  })

  it('is answered from memory, and fetched again in the background before it is too old', async () => {
    const documents = open()
    await documents.find(wanted())
    pass(4)
    expect([(await documents.find(wanted())).n, requests.length]).toEqual([1, 1])
    pass(2)
    expect((await documents.find(wanted())).n).toBe(1)
    await settle()
    expect([(await documents.find(wanted())).n, requests.length]).toEqual([2, 2])
  })

  it('is not used when it is too old', async () => {
    const documents = open()
    await documents.find(wanted())
    pass(60)
    expect((await documents.find(wanted())).n).toBe(2)
    pass(60)
    answer = async () => Promise.reject(new NoAnswer('ECONNREFUSED'))
    await expect(documents.find(wanted())).rejects.toThrow('ECONNREFUSED')
  })

  it('stays in use while its host is down, which is tried once a minute and logged', async () => {
    const documents = open()
    await documents.find(wanted())
    answer = async () => json({ error: 'down' }, 500)
    pass(6)
    for (let n = 0; n < 5; n += 1) {
      expect((await documents.find(wanted())).n).toBe(1)
      await settle()
    }
    expect([requests.length, warnings]).toEqual([
      2,
      [{ reason: 'the answer has status 500', owner: 'con_1' }],
    ])
    pass(1)
    await documents.find(wanted())
    await settle()
    expect(requests).toHaveLength(3)
  })

  it('that is not as it must be is never held', async () => {
    const documents = open()
    answer = async () => json({ m: 1 })
    await expect(documents.find(wanted())).rejects.toThrow(BadDocument)
    answer = async () => json({ n: 7 })
    expect((await documents.find(wanted())).n).toBe(7)
  })

  it('is renewed once a minute at most for each owner, by however many', async () => {
    const documents = open()
    await documents.find(wanted())
    await documents.find(wanted(undefined, { owner: 'con_2' }))
    const renewed = await Promise.all(Array.from({ length: 20 }, () => documents.renew(wanted())))
    expect(renewed.map((one) => one?.n)).toEqual(Array(20).fill(3))
    expect(await documents.renew(wanted())).toBeNull()
    expect((await documents.renew(wanted(undefined, { owner: 'con_2' })))?.n).toBe(4)
    expect((await documents.find(wanted())).n).toBe(3)
    pass(1)
    expect((await documents.renew(wanted()))?.n).toBe(5)
  })

  it('is not taken for another one at the same address', async () => {
    const documents = open()
    await documents.find(wanted())
    expect((await documents.find(wanted(undefined, { kind: 'metadata' }))).n).toBe(2)
  })

  it('that was fetched from a private network is not that of a caller who may not reach it', async () => {
    const documents = open()
    await documents.find(wanted(undefined, { allowPrivate: true }))
    await documents.find(wanted())
    expect(requests.map(({ allowPrivate }) => allowPrivate)).toEqual([true, false])
  })
})

describe('the memory', () => {
  const url = (n: number) => `https://idp${n}.example.com/`

  it('holds so many documents, and drops what was not used for longest', async () => {
    const documents = open({ count: 3, bytes: 1000 })
    for (const n of [1, 2, 3]) await documents.find(wanted(url(n)))
    await documents.find(wanted(url(1)))
    await documents.find(wanted(url(4)))
    expect(requests).toHaveLength(4)
    await documents.find(wanted(url(1)))
    expect(requests).toHaveLength(4)
    await documents.find(wanted(url(2)))
    expect(requests).toHaveLength(5)
  })

  it('holds so many bytes', async () => {
    const documents = open({ count: 100, bytes: 1000 })
    answer = async () => json({ n: 1, more: 'x'.repeat(400) })
    for (const n of [1, 2, 3]) await documents.find(wanted(url(n)))
    await documents.find(wanted(url(3)))
    await documents.find(wanted(url(2)))
    expect(requests).toHaveLength(3)
    await documents.find(wanted(url(1)))
    expect(requests).toHaveLength(4)
  })
})

test.each<[string, Partial<OutboundAnswer>, RegExp]>([
  ['a redirect', { status: 302 }, /redirects/],
  ['an error', { status: 500 }, /status 500/],
  ['HTML', { type: 'text/html', text: '<html>' }, /HTML, not JSON/],
  ['a text', { type: 'text/plain', text: 'hello' }, /not JSON/],
  ['nothing', { text: '' }, /not JSON/],
])('%s is no document', (_, more, message) => {
  expect(() => jsonOf({ ...json({}), ...more })).toThrow(message)
})
