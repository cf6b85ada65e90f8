/** The least that a Fastify server is: two routes that answer a constant, on the port of its argument. */
import fastify from 'fastify'

const app = fastify()
for (const path of ['/healthz', '/readyz']) app.get(path, async () => ({ status: 'ok' }))
await app.listen({ host: '127.0.0.1', port: Number(process.argv[2]) })
