import { serve } from '@hono/node-server'
import { answer } from './app.mjs'

const fetch = (request) => answer(request, process.env.SETTINGS)
serve({ fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) => console.log(`port ${port}`))
