/**
 * Users with tokens, programs with API keys, an operator with a password: one guard, several methods, and rules
 * that differ by role, by permission and by HTTP method.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto'
import { apiKey, basic, createGuard, currentPrincipal, jwt } from '@latchkey/guard'
import fastify from 'fastify'
import { SignJWT } from 'jose'
import { port, show } from './try.ts'

const secret = randomBytes(32)
const [operatorPassword, key] = [randomBytes(12).toString('hex'), randomBytes(24).toString('hex')]
const isSame = (one: string, other: string): boolean =>
  one.length === other.length && timingSafeEqual(Buffer.from(one), Buffer.from(other))

const guard = createGuard({
  style: 'problem',
  methods: [
    jwt({ secret, issuer: 'shop', audience: 'shop-api' }),
    apiKey({
      find: (sent) =>
        isSame(sent, key) ? { id: 'importer', roles: ['importer'], permissions: ['orders:*'] } : null,
    }),
    basic({
      find: (name) => (name === 'operator' ? { id: 'operator', roles: ['operator', 'support'] } : null),
      check: (_who, password) => isSame(password, operatorPassword),
    }),
  ],
})

const app = fastify()
const hello = async () => ({ who: currentPrincipal()?.userId, by: currentPrincipal()?.method })
const orders = {
  GET: { permissions: 'orders:read' },
  POST: { permissions: 'orders:write', roles: ['importer'] },
}
app.route({
  method: ['GET', 'POST'],
  url: '/orders',
  onRequest: guard.fastify({ methods: orders }),
  handler: hello,
})
app.get('/tickets', { onRequest: guard.fastify({ roles: { anyOf: ['support', 'importer'] } }) }, hello)
app.get('/switches', { onRequest: guard.fastify({ roles: { allOf: ['operator', 'support'] } }) }, hello)
await app.listen({ port, host: '127.0.0.1' })

const token = await new SignJWT({ roles: ['support'], permissions: ['orders:read'] })
  .setProtectedHeader({ alg: 'HS256' })
  .setSubject('ada')
  .setIssuer('shop')
  .setAudience('shop-api')
  .setExpirationTime('1h')
  .sign(secret)
const [bearer, robot, operator] = [
  `-H 'Authorization: Bearer ${token}'`,
  `-H 'X-API-Key: ${key}'`,
  `-u operator:${operatorPassword}`,
]
show(app.server, [
  `${bearer} URL/orders # 200`,
  `${bearer} -X POST URL/orders # 403`,
  `${robot} -X POST URL/orders # 200`,
  `${operator} URL/orders # 403`,
  `${bearer} URL/tickets # 200`,
  `${robot} URL/tickets # 200`,
  `${bearer} URL/switches # 403`,
  `${operator} URL/switches # 200`,
  `${bearer} ${robot} URL/tickets # 400`,
  'URL/tickets # 401',
])
