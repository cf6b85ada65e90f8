/**
 * A program: the app of the README of passport-openidconnect, with the settings of the environment. /callback shows who has
 * signed in, or why the sign-in failed.
 */
import express from 'express'
import session from 'express-session'
import passport from 'passport'
import OpenIdConnectStrategy from 'passport-openidconnect'

const { PORT, ISSUER, CLIENT_ID, CLIENT_SECRET } = process.env

passport.use(
  new OpenIdConnectStrategy(
    {
      issuer: ISSUER,
      authorizationURL: `${ISSUER}/oidc/authorize`,
      tokenURL: `${ISSUER}/oidc/token`,
      userInfoURL: `${ISSUER}/oidc/userinfo`,
      clientID: CLIENT_ID,
      clientSecret: CLIENT_SECRET,
      callbackURL: `http://localhost:${PORT}/callback`,
      scope: ['profile', 'email'],
    },
    (_issuer, profile, done) => done(null, { email: profile.emails?.[0]?.value }),
  ),
)

const app = express()
app.use(session({ name: 'app', secret: 'of a test', resave: false, saveUninitialized: false }))
app.get('/', passport.authenticate('openidconnect', { session: false }))
app.get('/callback', passport.authenticate('openidconnect', { session: false }), (req, res) =>
  res.send(`<p>Signed in as ${req.user.email}</p>`),
)
app.use((error, _req, res, _next) => res.status(500).send(`<p>Failed: ${error.message}</p>`))
app.listen(PORT, () => console.log('Listening'))
