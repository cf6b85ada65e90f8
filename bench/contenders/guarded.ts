/**
 * A Fastify application with one route: behind the guard where its arguments name a server, and without it otherwise.
 * It answers messages with the state of the guard's revocation stream.
 */
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { createGuard, latchkey } from '@latchkey/guard'
import fastify from 'fastify'

const [issuer, url, credential] = process.argv.slice(2)
const guard = issuer === undefined ? null : createGuard({ methods: [latchkey({ issuer, url, credential })] })
const app = fastify({ keepAliveTimeout: 72_000 })
const before = guard ? { preHandler: guard.fastify({ permissions: 'dashboard:read' }) } : {}
app.get('/invoices', before, async () => ({ invoices: [] }))
await app.listen({ port: 0, host: '127.0.0.1' })
for (let tries = 0; guard?.state() === 'asking' && tries < 500; tries++) await pause(20)
process.on('message', () => process.send?.({ state: guard?.state() ?? null }))
process.send?.({ port: (app.server.address() as AddressInfo).port })
process.on('disconnect', () => process.exit(0))
