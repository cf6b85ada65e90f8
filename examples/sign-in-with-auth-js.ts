/**
 * Signing in with Auth.js, in Hono; the options are the same in Next.js, SvelteKit and Express. Register the app with the
 * redirect URI http://localhost:3000/auth/callback/latchkey and the post-logout redirect URI http://localhost:3000/, and set
 * CLIENT_ID, CLIENT_SECRET and AUTH_SECRET.
 */
import { randomBytes } from 'node:crypto'
import { Auth, type AuthConfig } from '@auth/core'
import { getToken, type JWT } from '@auth/core/jwt'
import { serve } from '@hono/node-server'
import { type Context, Hono } from 'hono'
import { deleteCookie } from 'hono/cookie'
import { appUrl, clientId, clientSecret, issuer, type Member, page, showSignIn } from './app-settings.ts'
import { port } from './try.ts'

const secret = process.env.AUTH_SECRET ?? randomBytes(32).toString('hex')
const secureCookie = appUrl.startsWith('https:')

/** The tokens of Latchkey, in the cookie of Auth.js, which is encrypted. */
interface Tokens extends JWT {
  access_token: string
  id_token: string
  refresh_token: string
  /** Seconds since the Unix epoch. */
  expires_at: number
}

const config: AuthConfig = {
  secret,
  basePath: '/auth',
  trustHost: true,
  providers: [
    {
      id: 'latchkey',
      name: 'Latchkey',
      type: 'oidc',
      issuer,
      clientId,
      clientSecret,
      checks: ['pkce', 'state', 'nonce'],
      authorization: { params: { scope: 'openid profile email offline_access' } },
      // name and address are answers of userinfo, not claims of the ID token
      idToken: false,
    },
  ],
  callbacks: {
    async jwt({ token, account }) {
      if (account) {
        const { access_token, id_token, refresh_token, expires_at } = account
        return { ...token, access_token, id_token, refresh_token, expires_at }
      }
      const held = token as Tokens
      return held.expires_at - 60 > Date.now() / 1000 ? held : await refreshed(held)
    },
    session: ({ session, token }) => ({ ...session, expiresAt: token.expires_at }),
  },
}

/** @returns null, which ends the session of the app, where Latchkey does not renew the tokens */
async function refreshed(held: Tokens): Promise<Tokens | null> {
  const response = await fetch(`${issuer}/oidc/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`${clientId}:${clientSecret}`)}` },
    body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: held.refresh_token }),
  })
  if (!response.ok) return null
  const answer = (await response.json()) as Partial<Tokens> & { expires_in: number }
  return { ...held, ...answer, expires_at: Math.floor(Date.now() / 1000) + answer.expires_in }
}

/** The session of a request. Its cookies have to reach the browser: they contain the refresh token that is valid now. */
async function sessionOf(c: Context): Promise<{ user: Member; expiresAt: number } | null> {
  const headers = { cookie: c.req.header('cookie') ?? '' }
  const response = await Auth(new Request(`${appUrl}/auth/session`, { headers }), config)
  for (const cookie of response.headers.getSetCookie()) c.header('set-cookie', cookie, { append: true })
  return (await response.json()) as Awaited<ReturnType<typeof sessionOf>>
}

const app = new Hono()
app.all('/auth/*', (c) => Auth(c.req.raw, config))
app.get('/', async (c) => {
  const session = await sessionOf(c)
  const note = session && `Access until ${new Date(session.expiresAt * 1000).toISOString()}`
  return c.html(page(session?.user ?? null, note ?? ''))
})
app.get('/sign-in', (c) => c.redirect(`/auth/signin?callbackUrl=${encodeURIComponent(appUrl)}`))
app.get('/refresh', (c) => c.redirect('/'))
app.get('/sign-out', async (c) => {
  const tokens = (await getToken({ req: c.req.raw, secret, secureCookie })) as Tokens | null
  deleteCookie(c, secureCookie ? '__Secure-authjs.session-token' : 'authjs.session-token')
  const query = new URLSearchParams({
    ...(tokens && { id_token_hint: tokens.id_token }),
    client_id: clientId,
    post_logout_redirect_uri: `${appUrl}/`,
  })
  return c.redirect(`${issuer}/oidc/logout?${query}`)
})

serve({ fetch: app.fetch, port, hostname: 'localhost' }, showSignIn)
