/**
 * `npm run example -- browser-app`: an app at http://localhost:3000, beside a Latchkey server at
 * http://localhost:4000.
 */
import type { AddressInfo } from 'node:net'
import { port, show } from '../try.ts'
import { notesApp } from './app.ts'

const { LATCHKEY_PUBLIC_URL: issuer = 'http://localhost:4000', LATCHKEY_URL: url, ONE_HOST } = process.env
const app = notesApp({ issuer, url, oneHost: ONE_HOST === '1' })
await app.listen({ port, host: '127.0.0.1' })

const { port: opened } = app.server.address() as AddressInfo
console.log(`Open http://localhost:${opened} in a browser. Latchkey is expected at ${issuer}.\n`)
show(app.server, [
  'URL/ # 200',
  'URL/session.js # 200',
  'URL/notes # 401',
  `-X POST -H 'Content-Type: application/json' -d '{"text":"milk"}' URL/notes # 401`,
])
