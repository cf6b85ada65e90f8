/** Keys for programs, two ways: you look the key up yourself, or you keep a hash and never see the key. */
import { createHash, randomBytes } from 'node:crypto'
import { serve } from '@hono/node-server'
import { apiKey, createGuard, type Principal } from '@latchkey/guard'
import { Hono } from 'hono'
import { port, show } from './try.ts'

const [first, second] = [randomBytes(24).toString('hex'), randomBytes(24).toString('hex')]

// looked up: your function gets the key and finds the record, or nothing
const partners = new Map([[first, { id: 'partner-1', permissions: ['orders:read'] }]])
const byLookup = createGuard({ methods: [apiKey({ find: (key) => partners.get(key) })] })

// stored hash: the table has SHA-256 of each key, and is asked by that
const table = [
  { id: 'robot-1', key_hash: createHash('sha256').update(second).digest('hex'), permissions: ['orders:*'] },
]
const byHash = createGuard({
  methods: [
    apiKey({
      storedHashField: 'key_hash',
      find: ({ hex }) => table.find((row) => row.key_hash === hex),
      query: 'api_key', // off unless switched on: queries end up in logs
    }),
  ],
})

const app = new Hono<{ Variables: { principal: Principal } }>()
app.get('/orders', byLookup.hono({ permissions: 'orders:read' }), (c) =>
  c.json({ for: c.get('principal').userId }),
)
app.post('/orders', byLookup.hono({ permissions: 'orders:write' }), (c) => c.json({ ok: true }))
app.get('/stock', byHash.hono(), (c) => c.json({ for: c.get('principal').userId }))

const server = serve({ fetch: app.fetch, port, hostname: '127.0.0.1' }, () =>
  show(server, [
    `-H 'X-API-Key: ${first}' URL/orders # 200`,
    `-H 'Authorization: Api-Key ${first}' URL/orders # 200`,
    `-H 'X-API-Key: ${first}' -X POST URL/orders # 403`,
    `-H 'X-API-Key: ${second}' URL/stock # 200`,
    `'URL/stock?api_key=${second}' # 200`,
    `'URL/orders?api_key=${first}' # 401`,
    `-H 'X-API-Key: ${first}' URL/stock # 401`,
    `-H 'X-API-Key: ${first}' -H 'Authorization: Api-Key ${second}' URL/orders # 400`,
  ]),
)
