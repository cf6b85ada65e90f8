/** What an answer of a provider costs: transactions of the database, and requests to the provider. */
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { type Federated, goal, startFederated } from '../../../testing/federation.ts'

let federated: Federated
beforeAll(async () => {
  federated = await startFederated()
  await federated.connect('google', { name: 'Google' })
})
afterAll(() => federated?.stop())

it('an answer takes one transaction, and fetches neither metadata nor keys that are in memory', async () => {
  const { world, fakes } = federated
  const client = world.client()
  federated.atGoogle()
  // makes the account, and fills what is held in memory
  expect(goal(await federated.signIn(client, 'google'))).toBe('/account')
  await world.app.settle()
  const back = await federated.begin(client, 'google')
  const before = fakes.requests.length
  const { db } = world.app.tools
  const transactions = vi.spyOn(db, 'tx')
  try {
    expect(goal(await federated.answer(client, back))).toBe('/account')
    const inRequest = transactions.mock.calls.filter(([scope]) => scope === 'system')
    expect(inRequest).toHaveLength(1)
  } finally {
    transactions.mockRestore()
  }
  expect(fakes.requests.slice(before).map((line) => line.replace(/https?:\/\/[^/]+/, ''))).toEqual([
    'POST /token',
  ])
})
