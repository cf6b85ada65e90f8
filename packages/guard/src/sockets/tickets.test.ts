/** Where tickets wait: a bound for each user, and a store of the app, which is a callback within a time limit. */
import { describe, expect, it } from 'vitest'
import { apiKey, createGuard, type Problem, type TicketStore, webSockets } from '../index.ts'

const problems: Problem[] = []
const guard = createGuard({
  methods: [apiKey({ bearer: true, find: (key) => ({ id: key }) })],
  onProblem: (problem) => void problems.push(problem),
})
const requestOf = (user: string) => ({ url: '/', headers: { authorization: `Bearer ${user}` } }) as never
const upgradeWith = (ticket: string) => ({ url: `/?ticket=${ticket}`, headers: {} }) as never
const codeOf = (work: Promise<unknown>): Promise<string | undefined> =>
  work.then(
    () => undefined,
    ({ code }) => code,
  )

it('20 tickets of a user wait in memory; another one replaces the oldest, and none of another user', async () => {
  const sockets = webSockets(guard)
  const issue = async (user: string) => (await sockets.issueTicket(requestOf(user))).ticket
  const use = (ticket: string) => codeOf(sockets.authorize(upgradeWith(ticket)))
  const grace = await issue('grace')
  const tickets: string[] = []
  for (let n = 0; n < 21; n++) tickets.push(await issue('ada'))
  expect(await use(tickets[0] as string)).toBe('INVALID_TOKEN')
  for (const ticket of [...tickets.slice(1), grace]) expect(await use(ticket)).toBeUndefined()
})

it('a user who fetches more tickets than fit does not keep others from theirs', async () => {
  const sockets = webSockets(guard)
  for (let n = 0; n < 10_050; n++) await sockets.issueTicket(requestOf('mallory'))
  const { ticket } = await sockets.issueTicket(requestOf('ada'))
  expect((await sockets.authorize(upgradeWith(ticket))).principal?.userId).toBe('ada')
})

it('used and expired tickets do not count', async () => {
  let clock = Date.now()
  const sockets = webSockets(guard, { now: () => clock })
  const first = (await sockets.issueTicket(requestOf('ada'))).ticket
  clock += 20_000
  const tickets: string[] = []
  for (let n = 0; n < 19; n++) tickets.push((await sockets.issueTicket(requestOf('ada'))).ticket)
  expect(await codeOf(sockets.authorize(upgradeWith(tickets[0] as string)))).toBeUndefined()
  tickets.push((await sockets.issueTicket(requestOf('ada'))).ticket)
  clock += 10_000
  tickets.push((await sockets.issueTicket(requestOf('ada'))).ticket)
  expect(await codeOf(sockets.authorize(upgradeWith(first)))).toBe('INVALID_TOKEN')
  for (const ticket of tickets.slice(1))
    expect(await codeOf(sockets.authorize(upgradeWith(ticket)))).toBeUndefined()
})

describe('a store of the app', () => {
  const endless = () => new Promise<never>(() => {})
  const stored = async (store: TicketStore) => {
    const sockets = webSockets(guard, { tickets: store, timeout: 50 })
    const { ticket } = await sockets.issueTicket(requestOf('ada'))
    return sockets.authorize(upgradeWith(ticket))
  }

  it.each<[string, TicketStore, string, RegExp]>([
    ['that never keeps', { put: endless, take: () => null }, 'UNAVAILABLE', /`put` has not answered/],
    ['that never returns', { put: () => 0, take: endless }, 'UNAVAILABLE', /`take` has not answered/],
    ['that throws', { put: () => { throw new Error('down') }, take: () => null }, 'INTERNAL_ERROR', /`put` failed: down/],
    ['that rejects', { put: () => 0, take: () => Promise.reject(new Error('down')) }, 'INTERNAL_ERROR', /`take` failed: down/],
    ['that returns no text', { put: () => 0, take: (() => ({})) as never }, 'INTERNAL_ERROR', /a string is required/],
  ])('%s is a fault, which the log names', async (_, store, code, message) => {
    const fault = await stored(store).catch((error: Problem) => error)
    expect(fault).toMatchObject({ code, cause: expect.objectContaining({ message: expect.stringMatching(message) }) })
  }) // biome-ignore format: a table

  it('receives the id, the value and the lifetime alone', async () => {
    const received: unknown[][] = []
    const put = (...values: unknown[]) => received.push(values)
    await webSockets(guard, { tickets: { put, take: () => null } }).issueTicket(requestOf('ada'))
    expect(received).toEqual([[expect.any(String), expect.any(String), 30]])
  })
})
