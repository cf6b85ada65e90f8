/**
 * A custom method: requests with an HMAC of method, URL, time and body, as webhooks use it. The guard reads the raw
 * body and leaves it for the body parser.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { createGuard, custom, principalOf, problem } from '@latchkey/guard'
import express from 'express'
import { port, show } from './try.ts'

const secrets = new Map([['shop', randomBytes(32)]])
const MAX_AGE_SECONDS = 300
const signatureOf = (secret: Buffer, method: string, url: string, time: string, body: Buffer): Buffer =>
  createHmac('sha256', secret).update(`${method}\n${url}\n${time}\n`).update(body).digest()

const guard = createGuard({
  methods: [
    custom(
      async (request) => {
        const header = request.header('x-signature')
        // not of this kind: the next method runs; without another method the answer is 401
        if (header === undefined) return null
        const [client = '', time = '', signature = ''] = header.split(':')
        const secret = secrets.get(client)
        const isRecent = Math.abs(Date.now() / 1000 - Number(time)) <= MAX_AGE_SECONDS
        if (!secret || !isRecent) throw problem('INVALID_TOKEN', { reason: 'unknown client, or expired' })
        const expected = signatureOf(secret, request.method, request.url, time, await request.body())
        const given = Buffer.from(signature, 'hex')
        if (given.length !== expected.length || !timingSafeEqual(given, expected))
          throw problem('INVALID_TOKEN')
        return { userId: client, permissions: ['payments:write'] }
      },
      { name: 'hmac', scheme: 'Signature' },
    ),
  ],
})

const app = express()
app.post('/payments', guard.express({ permissions: 'payments:write' }), express.json(), (req, res) => {
  res.json({ from: principalOf(req)?.userId, amount: req.body.amount })
})

const time = `${Math.floor(Date.now() / 1000)}`
const sign = (body: string, at = time): string =>
  `shop:${at}:${signatureOf(secrets.get('shop') ?? randomBytes(32), 'POST', '/payments', at, Buffer.from(body)).toString('hex')}`
const server = app.listen(port, '127.0.0.1', () => {
  const post = (signature: string, body: string) =>
    `-X POST -H 'Content-Type: application/json' -H 'X-Signature: ${signature}' -d '${body}' URL/payments`
  show(server, [
    `${post(sign('{"amount":10}'), '{"amount":10}')} # 200`,
    `${post(sign('{"amount":10}'), '{"amount":99}')} # 401`,
    `${post(sign('{"amount":10}', '1700000000'), '{"amount":10}')} # 401`,
    `-X POST -d '{}' URL/payments # 401`,
  ])
})
