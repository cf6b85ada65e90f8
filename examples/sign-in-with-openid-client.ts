/**
 * Signing in with openid-client, in Express. Register the app with the redirect URI http://localhost:3000/callback and the
 * post-logout redirect URI http://localhost:3000/, and set CLIENT_ID and CLIENT_SECRET.
 */
import express from 'express'
import session from 'express-session'
import * as oidc from 'openid-client'
import { appUrl, clientId, clientSecret, issuer, type Member, page, showSignIn } from './app-settings.ts'
import { port } from './try.ts'

declare module 'express-session' {
  interface SessionData {
    /** Of a sign-in under way: what its answer is checked against. */
    pending: { verifier: string; state: string; nonce: string }
    user: Member & { sub: string }
    idToken: string
    refreshToken: string | undefined
  }
}

// plain http is for a server on this machine
const execute = issuer.startsWith('http:') ? [oidc.allowInsecureRequests] : []
const config = await oidc.discovery(new URL(issuer), clientId, clientSecret, undefined, { execute })

const app = express()
const secret = oidc.randomState()
app.use(
  session({ name: 'app', secret, resave: false, saveUninitialized: false, cookie: { sameSite: 'lax' } }),
)

app.get('/', (req, res) => {
  res.send(page(req.session.user ?? null, req.query.refreshed === undefined ? '' : 'Refreshed'))
})

app.get('/sign-in', async (req, res) => {
  const pending = {
    verifier: oidc.randomPKCECodeVerifier(),
    state: oidc.randomState(),
    nonce: oidc.randomNonce(),
  }
  req.session.pending = pending
  const to = oidc.buildAuthorizationUrl(config, {
    redirect_uri: `${appUrl}/callback`,
    scope: 'openid profile email offline_access',
    code_challenge: await oidc.calculatePKCECodeChallenge(pending.verifier),
    code_challenge_method: 'S256',
    state: pending.state,
    nonce: pending.nonce,
  })
  res.redirect(to.href)
})

app.get('/callback', async (req, res) => {
  const { pending } = req.session
  if (pending === undefined) return res.redirect('/')
  const tokens = await oidc.authorizationCodeGrant(config, new URL(req.originalUrl, appUrl), {
    pkceCodeVerifier: pending.verifier,
    expectedState: pending.state,
    expectedNonce: pending.nonce,
    idTokenExpected: true,
  })
  const { sub = '' } = tokens.claims() ?? {}
  const { name, email } = await oidc.fetchUserInfo(config, tokens.access_token, sub)
  // another session id than before the sign-in
  await new Promise((resolve, reject) => {
    req.session.regenerate((error) => (error ? reject(error) : resolve(null)))
  })
  req.session.user = { sub, name, email }
  req.session.idToken = tokens.id_token ?? ''
  req.session.refreshToken = tokens.refresh_token
  res.redirect('/')
})

app.get('/refresh', async (req, res) => {
  const { refreshToken, user } = req.session
  if (refreshToken === undefined || user === undefined) return res.redirect('/')
  const tokens = await oidc.refreshTokenGrant(config, refreshToken)
  const { name, email } = await oidc.fetchUserInfo(config, tokens.access_token, user.sub)
  req.session.user = { ...user, name, email }
  req.session.refreshToken = tokens.refresh_token ?? refreshToken
  res.redirect('/?refreshed')
})

app.get('/sign-out', (req, res, next) => {
  const { idToken = '' } = req.session
  const to = oidc.buildEndSessionUrl(config, {
    id_token_hint: idToken,
    post_logout_redirect_uri: `${appUrl}/`,
  })
  req.session.destroy((error) => (error ? next(error) : res.redirect(to.href)))
})

app.listen(port, showSignIn)
