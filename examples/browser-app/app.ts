/** Notes, a list for each user: a page, its scripts, and two routes that the guard protects. */
import { readFileSync } from 'node:fs'
import { createGuard, currentPrincipal, latchkey } from '@latchkey/guard'
import fastify, { type FastifyInstance } from 'fastify'

export interface Options {
  /** The public URL of the Latchkey server. */
  issuer: string
  /** Its address for this app, where it differs. */
  url?: string | undefined
  /** Whether app and Latchkey have one host, so that the app receives the session cookie. */
  oneHost: boolean
}

const file = (name: string) => readFileSync(new URL(name, import.meta.url), 'utf8')

export function notesApp({ issuer, url, oneHost }: Options): FastifyInstance {
  const guard = createGuard({ methods: [latchkey({ issuer, url, cookie: oneHost })] })
  const app = fastify()

  const page = file('page.html').replaceAll('{latchkey}', oneHost ? '' : issuer)
  const policy = `default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self' ${issuer}; frame-ancestors 'none'`
  app.get('/', (_request, reply) =>
    reply.header('content-security-policy', policy).type('text/html').send(page),
  )
  const assets = {
    'page.js': 'page.js',
    'page.css': 'page.css',
    'session.js': oneHost ? 'cookie.js' : 'token.js',
  }
  for (const [path, name] of Object.entries(assets)) {
    const text = file(name)
    const type = name.endsWith('.css') ? 'text/css' : 'text/javascript'
    app.get(`/${path}`, (_request, reply) => reply.type(type).send(text))
  }

  const notes = new Map<string, string[]>()
  const mine = () => notes.get(currentPrincipal()?.userId ?? '') ?? []
  app.get('/notes', { onRequest: guard.fastify() }, () => mine())
  app.post<{ Body: { text: string } }>(
    '/notes',
    {
      onRequest: guard.fastify(),
      schema: {
        body: {
          type: 'object',
          required: ['text'],
          properties: { text: { type: 'string', minLength: 1, maxLength: 200 } },
        },
      },
    },
    ({ body }, reply) => {
      const all = [...mine(), body.text].slice(-100)
      notes.set(currentPrincipal()?.userId ?? '', all)
      return reply.code(201).send(all)
    },
  )
  return app
}
