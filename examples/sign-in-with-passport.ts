/**
 * Signing in with Passport, in Express, by the strategy of openid-client. Register the app with the redirect URI
 * http://localhost:3000/callback and the post-logout redirect URI http://localhost:3000/, and set CLIENT_ID and CLIENT_SECRET.
 */
import { randomBytes } from 'node:crypto'
import express from 'express'
import session from 'express-session'
import * as oidc from 'openid-client'
import { Strategy } from 'openid-client/passport'
import passport from 'passport'
import { appUrl, clientId, clientSecret, issuer, type Member, page, showSignIn } from './app-settings.ts'
import { port } from './try.ts'

interface SignedIn extends Member {
  sub: string
  idToken: string
  refreshToken: string | undefined
}
declare global {
  namespace Express {
    interface User extends SignedIn {}
  }
}

// plain http is for a server on this machine
const execute = issuer.startsWith('http:') ? [oidc.allowInsecureRequests] : []
const config = await oidc.discovery(new URL(issuer), clientId, clientSecret, undefined, { execute })

const options = {
  name: 'latchkey',
  config,
  scope: 'openid profile email offline_access',
  callbackURL: `${appUrl}/callback`,
}
passport.use(
  new Strategy(options, async (tokens, done) => {
    try {
      const { sub = '' } = tokens.claims() ?? {}
      const { name, email } = await oidc.fetchUserInfo(config, tokens.access_token, sub)
      done(null, { sub, name, email, idToken: tokens.id_token ?? '', refreshToken: tokens.refresh_token })
    } catch (error) {
      done(error)
    }
  }),
)
// the session contains the user
passport.serializeUser((user, done) => done(null, user))
passport.deserializeUser((user: Express.User, done) => done(null, user))

const app = express()
const secret = randomBytes(32).toString('hex')
app.use(
  session({ name: 'app', secret, resave: false, saveUninitialized: false, cookie: { sameSite: 'lax' } }),
)
app.use(passport.session())

app.get('/', (req, res) => {
  res.send(page(req.user ?? null, req.query.refreshed === undefined ? '' : 'Refreshed'))
})
app.get('/sign-in', passport.authenticate('latchkey'))
app.get('/callback', passport.authenticate('latchkey', { successRedirect: '/', failureRedirect: '/' }))

app.get('/refresh', async (req, res, next) => {
  const { user } = req
  if (user?.refreshToken === undefined) return res.redirect('/')
  const { refresh_token = user.refreshToken } = await oidc.refreshTokenGrant(config, user.refreshToken)
  req.login({ ...user, refreshToken: refresh_token }, (error) =>
    error ? next(error) : res.redirect('/?refreshed'),
  )
})

app.get('/sign-out', (req, res, next) => {
  const id_token_hint = req.user?.idToken ?? ''
  const to = oidc.buildEndSessionUrl(config, { id_token_hint, post_logout_redirect_uri: `${appUrl}/` })
  req.logout((error) => (error ? next(error) : res.redirect(to.href)))
})

app.listen(port, showSignIn)
