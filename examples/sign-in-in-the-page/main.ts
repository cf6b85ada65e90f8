/**
 * `npm run example -- sign-in-in-the-page`: serves a page that signs in by itself, without a library. Register the app
 * with `token_endpoint_auth_method` "none", the redirect URI http://localhost:3000/ and the same post-logout redirect URI,
 * and set CLIENT_ID.
 */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { clientId, issuer, showSignIn } from '../app-settings.ts'
import { port } from '../try.ts'

const file = (name: string) => readFileSync(new URL(name, import.meta.url), 'utf8')
const page = file('page.html').replace('{issuer}', issuer).replace('{client_id}', clientId)
const script = file('page.js')
const policy = `default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; img-src data:; connect-src ${issuer}; frame-ancestors 'none'`

createServer((request, response) => {
  const isScript = request.url === '/page.js'
  const type = isScript ? 'text/javascript' : 'text/html'
  response.writeHead(200, {
    'content-type': type,
    'content-security-policy': policy,
    'referrer-policy': 'no-referrer',
  })
  response.end(isScript ? script : page)
}).listen(port, 'localhost', showSignIn)
