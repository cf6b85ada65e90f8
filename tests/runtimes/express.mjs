/** The adapter for `node:http`, by Express, under Node, Bun and Deno. */
import { createGuard, jwt, principalOf } from '@latchkey/guard'
import express from 'express'

const { issuer } = JSON.parse(process.env.SETTINGS)
const guard = createGuard({ methods: [jwt({ issuer, audience: 'api', jwks: `${issuer}/jwks` })] })
const app = express()
app.get('/jwks', guard.express(), (req, res) => void res.json({ userId: principalOf(req).userId }))
app.post('/json', guard.express(), express.json(), (req, res) => void res.json(req.body))
const server = app.listen(0, '127.0.0.1', () => console.log(`port ${server.address().port}`))
