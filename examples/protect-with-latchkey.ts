/**
 * Access tokens, API keys and sessions of a Latchkey server. Start one with `npm start`, sign in, and paste a
 * token. With GUARD_KEY (an API key with the permission revocations:read) revocations are pushed; without it, the
 * server validates every credential.
 */
import { createGuard, currentPrincipal, latchkey } from '@latchkey/guard'
import express from 'express'
import { port, show } from './try.ts'

const issuer = process.env.LATCHKEY_PUBLIC_URL ?? 'http://localhost:4000'
const guard = createGuard({
  methods: [latchkey({ issuer, credential: process.env.GUARD_KEY })],
  onState: (state, reason) => console.log(`revocations: ${state}${reason ? ` (${reason})` : ''}`),
})

const app = express()
app.get('/', guard.express({ optional: true }), (_req, res) => {
  res.json({ hello: currentPrincipal()?.username ?? 'stranger', revocations: guard.state() })
})
app.get('/me', guard.express(), (_req, res) => void res.json(currentPrincipal()))
app.get(
  '/dashboard',
  guard.express({ permissions: 'dashboard:read' }),
  (_req, res) => void res.json({ visitors: 42 }),
)
app.get(
  '/admin',
  guard.express({ roles: { anyOf: ['administrator', 'super_admin'] } }),
  (_req, res) => void res.json({ ok: true }),
)

const token = process.env.TOKEN ?? '<access token, API key or session token>'
const server = app.listen(port, '127.0.0.1', () =>
  show(server, [
    `-H 'Authorization: Bearer ${token}' URL/me # 200`,
    `-H 'Authorization: Bearer ${token}' URL/dashboard # 200`,
    `-H 'Authorization: Bearer ${token}' URL/admin # 403`,
    'URL/ # 200',
    'URL/me # 401',
  ]),
)
