import { answer } from './app.mjs'

const onListen = ({ port }) => console.log(`port ${port}`)
Deno.serve({ port: 0, hostname: '127.0.0.1', onListen }, (request) =>
  answer(request, Deno.env.get('SETTINGS')),
)
