/** The line for revocations: up, lost, silent, refused and back; what a guard believes meanwhile. */
import { describe, expect, it } from 'vitest'
import { asked, eachTestHasACounterpart, live, make, server, states, statusOf } from '../testing/consumers.ts'
import { until } from '../testing/waiting.ts'

eachTestHasACounterpart()

describe('the line', () => {
  it('asks from its loss on, says so, and believes again from its return on', async () => {
    const consumer = await live()
    const [token, lost] = [await server.token({ jti: 'tok_1' }), await server.token({ jti: 'tok_2' })]
    for (const one of [token, lost]) expect(await statusOf(consumer, one)).toBe(200)
    server.cut()
    await until(() => consumer.guard.state() === 'asking')
    expect(states.at(-1)?.[0]).toBe('asking')
    expect(states.at(-1)?.[1]).toBeTruthy()
    // revoked while nobody could be told
    server.revoke({ kind: 'jti', value: 'tok_2' })
    expect([await statusOf(consumer, token), await statusOf(consumer, lost)]).toEqual([200, 401])
    expect(asked()).toBe(2)
    server.back()
    await until(() => consumer.guard.state() === 'connected')
    expect([await statusOf(consumer, token), await statusOf(consumer, lost), asked()]).toEqual([200, 401, 2])
  })

  it('comes back from its cursor on', async () => {
    const consumer = await live()
    server.revoke({ kind: 'jti', value: 'a' })
    server.revoke({ kind: 'jti', value: 'b' })
    const token = await server.token({ jti: 'b' })
    await until(async () => (await statusOf(consumer, token)) === 401)
    for (const line of server.lines) line.end()
    await until(() => server.lastEventIds.length === 2)
    expect(server.lastEventIds).toEqual([undefined, '2'])
  })

  it('lost together with the server: 503, until it is back', async () => {
    const consumer = await live()
    const token = await server.token()
    expect(await statusOf(consumer, token)).toBe(200)
    await server.fall()
    await until(() => consumer.guard.state() === 'asking')
    expect(await statusOf(consumer, token)).toBe(503)
    await server.rise()
    await until(() => consumer.guard.state() === 'connected')
    expect(await statusOf(consumer, token)).toBe(200)
  })

  it('that is silent counts as lost', async () => {
    const consumer = await live({ silence: 150 })
    await until(() => states.some(([state]) => state === 'asking'))
    expect(states.find(([state]) => state === 'asking')?.[1]).toMatch(/no data/)
    await until(() => consumer.guard.state() === 'connected')
  })

  it('that beats stays', async () => {
    const consumer = await live({ silence: 300 })
    for (let i = 0; i < 8; i++) {
      await new Promise((resolve) => setTimeout(resolve, 60))
      for (const line of server.lines) line.write(': beat\n\n')
    }
    expect([consumer.guard.state(), states.length]).toEqual(['connected', 1])
  })

  it('is not believed right after the whole machine slept, before any timer has run', async () => {
    let time = Date.now()
    const consumer = await live({}, () => time)
    const token = await server.token()
    expect([await statusOf(consumer, token), asked()]).toEqual([200, 0])
    time += 41_000
    expect([await statusOf(consumer, token), asked(), consumer.guard.state()]).toEqual([200, 1, 'asking'])
  })

  it('with a credential that is refused leaves the guard asking, and says why', async () => {
    const consumer = make({ credential: 'lk_test_wrong' })
    await until(() => states.length > 0)
    expect(states[0]).toEqual(['asking', expect.stringMatching(/refuses this guard's credential \(403\)/)])
    expect(await statusOf(consumer, await server.token())).toBe(200)
    expect(asked()).toBe(1)
  })

  it('with a revocation that it cannot read is not believed', async () => {
    const consumer = await live()
    server.tell('revoked', '{"kind":"tenant","value":"t","before":null,"until":1}')
    await until(() => consumer.guard.state() === 'asking')
    expect(states.at(-1)?.[1]).toMatch(/cannot be read/)
  })

  it('takes its credential from a function, anew for every attempt', async () => {
    let asks = 0
    const credential = async () => (asks++ === 0 ? 'wrong' : server.guardCredential)
    make({ credential })
    await until(() => asks === 1)
    expect((await live()).guard.state()).toBe('connected')
  })

  it('ends with the guard', async () => {
    const consumer = await live()
    consumer.guard.close()
    await until(() => server.lines.size === 0)
    expect(consumer.guard.state()).toBe('closed')
  })
})
