import { answer } from './app.mjs'

const fetch = (request) => answer(request, process.env.SETTINGS)
const { port } = Bun.serve({ fetch, port: 0, hostname: '127.0.0.1' })
console.log(`port ${port}`)
