/** An operation that hashes a password, while the queue of hashes is full. */
import { expect, it } from 'vitest'
import { z } from 'zod'
import { problem } from '../../errors.ts'
import { route, serve } from '../testing.ts'

it('is refused before it is counted or read, and logged once', async () => {
  let isFull = true
  let ran = 0
  const row = (name: string, hashes: boolean) =>
    route({
      name,
      method: 'POST',
      path: `/api/v1/${name}`,
      summary: 'Test',
      open: 'a test',
      quiet: 'a test',
      tag: 'Test',
      ...(hashes ? { hashes: true as const } : {}),
      limit: { by: 'ip', max: 1, per: '1h' },
      input: z.object({}),
      output: z.null(),
      run: async () => {
        ran += 1
        return { data: null }
      },
    })
  const server = await serve([row('hashing', true), row('other', false)], {
    config: { rateLimits: 'standard' },
    hashing: {
      assertRoom() {
        if (isFull) throw problem('UNAVAILABLE', { retryAfter: 2 })
      },
    },
  })
  const post = (name: string, body = '{}') =>
    server.ask(`/api/v1/${name}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
  for (let i = 0; i < 3; i++) {
    const refused = await post('hashing', '{not JSON')
    expect([refused.status, refused.json.error.code, refused.headers.get('retry-after')]).toEqual([
      503,
      'UNAVAILABLE',
      '2',
    ])
    expect(refused.headers.get('x-ratelimit-limit')).toBeNull()
  }
  expect(server.logged.map(({ level, fields, message }) => [level, fields, message])).toEqual([
    ['warn', { route: 'hashing' }, 'requests refused: busy or unavailable'],
  ])
  expect((await post('other')).status).toBe(200)
  isFull = false
  expect([(await post('hashing')).status, (await post('hashing')).status, ran]).toEqual([200, 429, 2])
})
