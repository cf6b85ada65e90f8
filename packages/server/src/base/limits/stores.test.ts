import { EventEmitter } from 'node:events'
import { describe, expect, it } from 'vitest'
import { startRedis } from '../../../../../tests/setup/redis.ts'
import { openRedis } from '../outbound/redis.ts'
import { limitsInMemory } from './memory.ts'
import { type Channel, limitsForWorkers, limitsOfPrimary } from './primary.ts'
import { limitsInRedis } from './redis.ts'
import { describeStore } from './testing.ts'

describeStore('in memory', async () => ({ nodes: [limitsInMemory()] }))

describeStore('in Redis', async () => {
  const server = await startRedis()
  const nodes = await Promise.all(Array.from({ length: 4 }, () => openRedis(server.url)))
  await Promise.all(nodes.map((node) => node.ping()))
  return {
    nodes: nodes.map(limitsInRedis),
    async close() {
      for (const node of nodes) node.close()
      await server.stop()
    },
  }
})

/** The ends of an IPC channel in one process: messages arrive later, and as copies. */
function channelTo(answer: (message: unknown) => unknown, isBroken = () => false): Channel {
  const worker = new EventEmitter()
  return {
    on: (event, receive) => worker.on(event, receive),
    send(message, sent) {
      if (isBroken()) return setImmediate(() => sent(new Error('the channel is closed')))
      setImmediate(() => {
        sent(null)
        const answered = answer(structuredClone(message))
        if (answered !== null) setImmediate(() => worker.emit('message', structuredClone(answered)))
      })
    },
  }
}

describeStore('of the primary process', async () => {
  const answer = limitsForWorkers()
  return { nodes: Array.from({ length: 4 }, () => limitsOfPrimary(channelTo(answer))) }
})

describe('the rate limit store of the primary process', () => {
  const window = { key: 'a', max: 1, milliseconds: 1000 }
  const now = new Date('2026-03-01T10:00:00.000Z')

  it('sends one message for all requests of a turn', async () => {
    const messages: unknown[] = []
    const answer = limitsForWorkers()
    const store = limitsOfPrimary(
      channelTo((message) => {
        messages.push(message)
        return answer(message)
      }),
    )
    const taken = await Promise.all([store.take([window], now), store.take([window], now)])
    expect(taken.map(([verdict]) => verdict?.allowed)).toEqual([true, false])
    expect(messages).toHaveLength(1)
  })

  it('rejects where the channel is broken, the primary does not answer or there is none', async () => {
    const answer = limitsForWorkers()
    let isBroken = true
    const store = limitsOfPrimary(channelTo(answer, () => isBroken))
    await expect(store.take([window], now)).rejects.toThrow('the channel is closed')
    isBroken = false
    await expect(store.take([window], now)).resolves.toMatchObject([{ allowed: true }])
    await expect(limitsOfPrimary(channelTo(() => null)).take([window], now)).rejects.toThrow(
      'does not answer',
    )
    await expect(limitsOfPrimary({ on: () => {} }).take([window], now)).rejects.toThrow('no primary')
  })

  it('ignores other messages, and answers of another batch', async () => {
    const answer = limitsForWorkers()
    expect(answer({ url: 'http://127.0.0.1' })).toBeNull()
    expect(answer('text')).toBeNull()
    const channel = new EventEmitter()
    const send = () => {}
    const store = limitsOfPrimary({ on: (event, receive) => channel.on(event, receive), send })
    const taken = store.take([window], now)
    await new Promise(setImmediate)
    channel.emit('message', { url: 'http://127.0.0.1' })
    channel.emit('message', { limits: { batch: 99, verdicts: [[{ allowed: true }]] } })
    channel.emit('message', { limits: { batch: 1, verdicts: [] } })
    await expect(taken).rejects.toThrow('incomplete')
  })
})
