/**
 * A session cookie, for an app with its sign-in. Unsafe requests are accepted from the same origin only, so that other
 * sites cannot cause them (CSRF).
 */
import { createHash, randomBytes } from 'node:crypto'
import { createGuard, currentPrincipal, session } from '@latchkey/guard'
import Koa from 'koa'
import { port, show } from './try.ts'

// only hashes are stored: the contents of this table cannot be used as tokens
const hashOf = (token: string): string => createHash('sha256').update(token).digest('base64url')
const sessions = new Map<string, { user_id: string; role: string; expires: number }>()
const guard = createGuard({
  methods: [
    session({
      cookie: 'sid',
      find: (token) => {
        const found = sessions.get(hashOf(token))
        return found && found.expires > Date.now() ? found : null
      },
    }),
  ],
})

const signIn: Koa.Middleware = (ctx) => {
  // check a password here
  const token = randomBytes(32).toString('base64url')
  sessions.set(hashOf(token), { user_id: 'ada', role: 'editor', expires: Date.now() + 8 * 3_600_000 })
  ctx.cookies.set('sid', token, { httpOnly: true, sameSite: 'lax' })
  ctx.body = { signed: 'in' }
}
const answer =
  (make: () => unknown): Koa.Middleware =>
  (ctx) => {
    ctx.body = make()
  }
const routes: Record<string, Koa.Middleware[]> = {
  'POST /sign-in': [signIn],
  'GET /me': [guard.koa(), answer(() => ({ hello: currentPrincipal()?.userId }))],
  'POST /articles': [guard.koa({ roles: ['editor'] }), answer(() => ({ by: currentPrincipal()?.userId }))],
  'GET /': [
    guard.koa({ optional: true }),
    answer(() => ({ hello: currentPrincipal()?.userId ?? 'stranger' })),
  ],
}
const app = new Koa()
app.use(async (ctx) => {
  const run = (index: number): unknown =>
    routes[`${ctx.method} ${ctx.path}`]?.[index]?.(ctx, async () => run(index + 1))
  await run(0)
})

const token = randomBytes(32).toString('base64url')
sessions.set(hashOf(token), { user_id: 'ada', role: 'editor', expires: Date.now() + 3_600_000 })
const server = app.listen(port, '127.0.0.1', () =>
  show(server, [
    '-X POST URL/sign-in # 200',
    `-b sid=${token} URL/me # 200`,
    `-b sid=${token}x URL/me # 401`,
    `-b sid=${token} -X POST URL/articles # 200`,
    `-b sid=${token} -X POST -H 'Origin: https://evil.example' URL/articles # 403`,
    'URL/ # 200',
    'URL/me # 401',
  ]),
)
