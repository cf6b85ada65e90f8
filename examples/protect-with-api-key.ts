/** API keys, in two ways: a look-up by the key itself, or by its stored hash, with which the app never sees the key. */
import { createHash, randomBytes } from 'node:crypto'
import { serve } from '@hono/node-server'
import { apiKey, createGuard, type Principal } from '@latchkey/guard'
import { Hono } from 'hono'
import { port, show } from './try.ts'

const [first, second] = [randomBytes(24).toString('hex'), randomBytes(24).toString('hex')]

// look-up: the callback receives the key and returns the record, or undefined
const partners = new Map([[first, { id: 'partner-1', permissions: ['orders:read'] }]])
const byLookup = createGuard({ methods: [apiKey({ find: (key) => partners.get(key) })] })

// stored hash: the table contains the SHA-256 of each key
const table = [
  { id: 'robot-1', key_hash: createHash('sha256').update(second).digest('hex'), permissions: ['orders:*'] },
]
const byHash = createGuard({
  methods: [
    apiKey({
      storedHashField: 'key_hash',
      find: ({ hex }) => table.find((row) => row.key_hash === hex),
      query: 'api_key', // disabled by default, because URLs are recorded in logs
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
