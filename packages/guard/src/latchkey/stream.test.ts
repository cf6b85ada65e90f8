/** The revocation stream: connected, lost, silent, refused and reconnected; and what a guard accepts meanwhile. */
import { describe, expect, it } from 'vitest'
import { asked, eachTestHasACounterpart, live, make, server, states, statusOf } from '../testing/consumers.ts'
import { until } from '../testing/waiting.ts'

eachTestHasACounterpart()

describe('the revocation stream', () => {
  it('when it is lost, makes the guard validate at the server until it is connected again', async () => {
    const consumer = await live()
    const [token, lost] = [await server.token({ jti: 'tok_1' }), await server.token({ jti: 'tok_2' })]
    for (const one of [token, lost]) expect(await statusOf(consumer, one)).toBe(200)
    server.cut()
    await until(() => consumer.guard.state() === 'asking')
    expect(states.at(-1)?.[0]).toBe('asking')
    expect(states.at(-1)?.[1]).toBeTruthy()
    // revoked while the stream is disconnected
    server.revoke({ kind: 'jti', value: 'tok_2' })
    expect([await statusOf(consumer, token), await statusOf(consumer, lost)]).toEqual([200, 401])
    expect(asked()).toBe(2)
    server.back()
    await until(() => consumer.guard.state() === 'connected')
    expect([await statusOf(consumer, token), await statusOf(consumer, lost), asked()]).toEqual([200, 401, 2])
  })

  it('resumes from its cursor', async () => {
    const consumer = await live()
    server.revoke({ kind: 'jti', value: 'a' })
    server.revoke({ kind: 'jti', value: 'b' })
    const token = await server.token({ jti: 'b' })
    await until(async () => (await statusOf(consumer, token)) === 401)
    for (const line of server.lines) line.end()
    await until(() => server.lastEventIds.length === 2)
    expect(server.lastEventIds).toEqual([undefined, '2'])
  })

  it('when it is lost with the server, leads to 503 until the server is back', async () => {
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

  it('counts as lost when it is silent', async () => {
    const consumer = await live({ silence: 150 })
    await until(() => states.some(([state]) => state === 'asking'))
    expect(states.find(([state]) => state === 'asking')?.[1]).toMatch(/no data/)
    await until(() => consumer.guard.state() === 'connected')
  })

  it('remains connected with heartbeats', async () => {
    const consumer = await live({ silence: 300 })
    for (let i = 0; i < 8; i++) {
      await new Promise((resolve) => setTimeout(resolve, 60))
      for (const line of server.lines) line.write(': beat\n\n')
    }
    expect([consumer.guard.state(), states.length]).toEqual(['connected', 1])
  })

  it('is not connected after the machine was suspended, before any timer has run', async () => {
    let time = Date.now()
    const consumer = await live({}, () => time)
    const token = await server.token()
    expect([await statusOf(consumer, token), asked()]).toEqual([200, 0])
    time += 41_000
    expect([await statusOf(consumer, token), asked(), consumer.guard.state()]).toEqual([200, 1, 'asking'])
  })

  it('with a refused credential reports the reason, and the guard validates at the server', async () => {
    const consumer = make({ credential: 'lk_test_wrong' })
    await until(() => states.length > 0)
    expect(states[0]).toEqual(['asking', expect.stringMatching(/refuses this guard's credential \(403\)/)])
    expect(await statusOf(consumer, await server.token())).toBe(200)
    expect(asked()).toBe(1)
  })

  it('with a malformed revocation is not connected', async () => {
    const consumer = await live()
    server.tell('revoked', '{"kind":"tenant","value":"t","before":null,"until":1}')
    await until(() => consumer.guard.state() === 'asking')
    expect(states.at(-1)?.[1]).toMatch(/cannot be read/)
  })

  it('calls the credential function for every connection', async () => {
    let asks = 0
    const credential = async () => (asks++ === 0 ? 'wrong' : server.guardCredential)
    make({ credential })
    await until(() => asks === 1)
    expect((await live()).guard.state()).toBe('connected')
  })

  it('is closed with the guard', async () => {
    const consumer = await live()
    consumer.guard.close()
    await until(() => server.lines.size === 0)
    expect(consumer.guard.state()).toBe('closed')
  })
})
