/** The printed table of rate limits, reached by each kind of caller. */
import { expect } from 'vitest'
import { startWorld } from '../../packages/server/src/testing/world.ts'
import type { Excerpt } from './document.ts'
import { pageSettings } from './settings.ts'

const API = '/api/v1'

/** Expects the printed limits and headers of a session, an API key and an anonymous caller, by the minute and by the hour. */
export async function expectLimits(excerpt: Excerpt): Promise<void> {
  const limited = await startWorld(pageSettings('citizen-ai'))
  const [person] = await limited.people([{ roles: ['administrator'], signIn: false }])
  if (!person) throw new Error('no person')
  const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } })
  const newSession = async (): Promise<string> =>
    (await limited.client().post(`${API}/auth/login`, { username: person.email, password: person.password }))
      .data.token
  const made = await limited
    .client()
    .post(`${API}/auth/api-keys`, { name: 'limited', permissions: ['*'] }, bearer(await newSession()))
  const requests = {
    Session: bearer(await newSession()),
    'API Key': bearer(made.data.api_key),
    Anonymous: {},
  }
  // the requests above are outside of the windows
  await limited.clock.advance('2 hours')
  requests.Session = bearer(await newSession())
  await limited.clock.advance('61 seconds')
  const call = (name: keyof typeof requests) => limited.client().get(`${API}/auth/me`, requests[name])
  const table = excerpt.all(/^\| ([\w ]+) \| (\d+)\/hour \| (\d+)\/minute \| (\w+) \|$/gm)
  expect(table.map(([name]) => name)).toEqual(Object.keys(requests))
  const headers = excerpt.all(/^X-RateLimit-(\w+): (\d+)$/gm)
  for (const [name = '', hour, minute, window] of table) {
    const reply = await call(name as keyof typeof requests)
    const sent = (field: string) => Number(reply.headers.get(`x-ratelimit-${field}`))
    expect([name, sent('limit'), sent('remaining')]).toEqual([name, Number(hour), Number(hour) - 1])
    for (const [field = '', value] of headers) {
      // the printed example is the answer to the first request of a session
      if (name === 'Session' && field !== 'Reset')
        expect([field, sent(field)]).toEqual([field, Number(value)])
      if (field === 'Window') expect([name, sent(field)]).toEqual([name, Number(value)])
    }
    const seconds = sent('reset') - limited.clock.now().getTime() / 1000
    expect([name, seconds > 0, seconds <= 3601]).toEqual([name, true, true])
    for (let n = 1; n < Number(minute); n += 1)
      expect([name, n, (await call(name as keyof typeof requests)).code]).not.toContain('RATE_LIMIT_EXCEEDED')
    const refused = await call(name as keyof typeof requests)
    expect([name, refused.status, refused.code]).toEqual([name, 429, 'RATE_LIMIT_EXCEEDED'])
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect([name, window]).toEqual([name, 'Rolling'])
    await limited.clock.advance('61 seconds')
    expect([name, (await call(name as keyof typeof requests)).code]).not.toContain('RATE_LIMIT_EXCEEDED')
  }
  // by the hour: nine anonymous requests in each minute use up the hundred
  const anonymous = Number(table.at(-1)?.[1])
  let answered = 0
  while ((await call('Anonymous')).status !== 429 && answered < anonymous) {
    answered += 1
    if (answered % 9 === 0) await limited.clock.advance('61 seconds')
  }
  // the ten of the first minute, and the one of the second
  expect(answered).toBe(anonymous - Number(table.at(-1)?.[2]) - 1)
  await limited.stop()
}
