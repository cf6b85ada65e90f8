/**
 * JWTs with a secret that is shared with their issuer. For tokens of another issuer, use
 * `publicKey`, or `jwks: 'https://issuer.example/.well-known/jwks.json'`.
 */
import { randomBytes } from 'node:crypto'
import { createGuard, currentPrincipal, jwt } from '@latchkey/guard'
import fastify from 'fastify'
import { SignJWT } from 'jose'
import { port, show } from './try.ts'

const secret = process.env.TOKEN_SECRET ? Buffer.from(process.env.TOKEN_SECRET) : randomBytes(32)
const guard = createGuard({ methods: [jwt({ secret, issuer: 'my-app', audience: 'my-api' })] })

const app = fastify()
app.get('/me', { preHandler: guard.fastify() }, async () => ({ hello: currentPrincipal()?.userId }))
app.get('/reports', { preHandler: guard.fastify({ permissions: 'reports:read' }) }, async () => [
  'march',
  'april',
])
app.get('/admin', { preHandler: guard.fastify({ roles: ['admin'] }) }, async () => 'the keys to everything')
await app.listen({ port, host: '127.0.0.1' })

// your sign-in issues tokens such as this one
const token = await new SignJWT({ roles: ['staff'], permissions: ['reports:*'] })
  .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
  .setSubject('ada')
  .setIssuer('my-app')
  .setAudience('my-api')
  .setIssuedAt()
  .setExpirationTime('1h')
  .sign(secret)
show(app.server, [
  `-H 'Authorization: Bearer ${token}' URL/me # 200`,
  `-H 'Authorization: Bearer ${token}' URL/reports # 200`,
  `-H 'Authorization: Bearer ${token}' URL/admin # 403`,
  `-H 'Authorization: Bearer ${token}x' URL/me # 401`,
  `URL/me # 401`,
])
