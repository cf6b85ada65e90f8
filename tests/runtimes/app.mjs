/**
 * The app of runtimes.test.ts, as one handler of a web Request: the same code under Node, Bun, Deno and Cloudflare
 * Workers. Settings arrive as JSON.
 */
import { createHash } from 'node:crypto'
import {
  apiKey,
  basic,
  createGuard,
  currentPrincipal,
  custom,
  jwt,
  latchkey,
  problem,
  session,
} from '@latchkey/guard'

let routes

/** @param {Request} request @param {string} settings JSON of `Settings` in runtimes.test.ts */
export function answer(request, settings) {
  routes ??= open(JSON.parse(settings))
  const route = routes[new URL(request.url).pathname]
  return route === undefined ? new Response(null, { status: 404 }) : route(request)
}

/** Reports the principal after two turns of the event loop, so that concurrent requests overlap. */
async function who(request) {
  await new Promise((resolve) => setTimeout(resolve, 5))
  const { userId, method } = currentPrincipal() ?? {}
  const body = request.method === 'POST' ? await request.text() : null
  return Response.json({ userId, method, body })
}

function open({ issuer, secrets, publicKeys, server, credential }) {
  const protect = (methods, rule) =>
    createGuard({ methods, onProblem: ({ code, reason }) => console.log(code, reason ?? '') }).web(who, rule)
  const issued = { issuer, audience: 'api' }
  const remote = () => jwt({ ...issued, jwks: `${issuer}/jwks` })
  const slow = protect([jwt({ ...issued, jwks: `${issuer}/slow` })])
  const own = createGuard({ methods: ownMethods() })
  const each = (group, make) =>
    Object.fromEntries(Object.entries(group).map(([name, value]) => [`/${name}`, make(name, value)]))
  return {
    '/jwks': protect([remote()]),
    '/discovered': protect([jwt(issued)]),
    '/admin': protect([remote()], { roles: ['admin'] }),
    '/redirect': protect([jwt({ ...issued, jwks: `${issuer}/redirect` })]),
    ...each(secrets, (alg, secret) => protect([jwt({ ...issued, secret, algorithms: [alg] })])),
    ...each(publicKeys, (_, publicKey) => protect([jwt({ ...issued, publicKey })])),
    '/own': own.web(who),
    '/login': own.loginHandler().web,
    '/latchkey': protect([latchkey({ issuer: server })]),
    '/pushed': openPushed(server, credential),
    '/slow': slow,
    /** Answers while its check of the credential still waits for the keys. */
    '/left': (request) => {
      slow(request).catch(() => {})
      return new Response('left')
    },
  }
}

function ownMethods() {
  const hash = createHash('sha256').update('key').digest('hex')
  return [
    apiKey({ storedHashField: 'hash', find: () => ({ id: 'machine', hash }) }),
    basic({
      find: (name) => (name === 'ada' ? { id: 'ada', password: 'pass' } : null),
      check: (record, password) => record?.password === password,
    }),
    session({ cookie: 'sid', find: (token) => (token === 'known' ? { id: 'visitor' } : null) }),
    custom(async (request) => {
      const signature = request.header('x-signature')
      if (signature === undefined) return null
      const body = await request.body()
      if (createHash('sha256').update(body).digest('hex') !== signature) throw problem('INVALID_TOKEN')
      return { userId: 'hook' }
    }),
  ]
}

/** A guard with a revocation stream; where it cannot be made, the reason. */
function openPushed(server, credential) {
  try {
    const guard = createGuard({ methods: [latchkey({ issuer: server, credential })] })
    const check = guard.web(who)
    return async (request) => {
      const response = await check(request)
      response.headers.set('x-state', guard.state())
      return response
    }
  } catch (error) {
    return () => new Response(error.message, { status: 501 })
  }
}
