/** The operations of signing in by an identity provider. */
import { operation } from '../../../base/http/row/operation.ts'

const SIGN_IN = 'users sign in here'
const COMPLETES = [
  'auth.login.attempt',
  'auth.login.success',
  'auth.login.failure',
  'auth.identity.linked',
  'auth.step_up.success',
  'auth.email.verified',
  'user.registered',
] as const

const authorize = operation({
  name: 'auth.external.authorize',
  summary: 'Begin to sign in with an identity provider',
  open: SIGN_IN,
  quiet: 'stores what the provider’s answer is checked against; what it leads to is recorded',
  limit: { by: 'ip', max: 120, per: '10m' },
  errors: ['NOT_FOUND', 'UNAVAILABLE', 'AUTHENTICATION_REQUIRED', 'CONFLICT'],
})

const answer = operation({
  name: 'auth.external.callback',
  summary: 'Take the answer of an identity provider',
  open: 'the answer is the credential, in the browser that began',
  audit: COMPLETES,
  limit: { by: 'ip', max: 120, per: '10m', exact: true },
})

export const federationOperations = {
  providers: operation({
    name: 'auth.external.providers',
    summary: 'List the identity providers to sign in with',
    open: SIGN_IN,
    quiet: 'reads only',
    limit: { by: 'ip', max: 300, per: '10m' },
  }),
  authorize,
  answer,
  post: operation({
    name: 'auth.external.post',
    summary: 'Take the answer of an identity provider that posts it',
    open: 'the answer is the credential, in the browser that comes for it',
    quiet: 'stores the answer until the browser comes for it',
    limit: { by: 'ip', max: 120, per: '10m', exact: true, sharedWith: answer },
  }),
  continue: operation({
    name: 'auth.external.continue',
    summary: 'Continue a sign-in or a step-up with an identity provider',
    open: 'the attempt is the credential',
    quiet: 'stores what the provider’s answer is checked against; what it leads to is recorded',
    limit: { by: 'ip', max: 120, per: '10m', sharedWith: authorize },
    errors: ['NOT_FOUND', 'CONFLICT', 'UNAVAILABLE', 'ACCOUNT_DISABLED', 'ACCOUNT_LOCKED'],
  }),
  link: operation({
    name: 'auth.external.link',
    summary: 'Begin to connect an account at an identity provider',
    needs: 'session',
    fresh: '10m',
    quiet: 'stores what the provider’s answer is checked against; the link is recorded',
    limit: { by: 'user', max: 60, per: '1h' },
    errors: ['NOT_FOUND', 'UNAVAILABLE'],
  }),
  samlLogin: operation({
    name: 'pages.saml.login',
    summary: 'Begin to sign in with a SAML identity provider',
    open: SIGN_IN,
    quiet: 'leads to the address that begins it',
    limit: { by: 'ip', max: 120, per: '10m', sharedWith: authorize },
  }),
  send: operation({
    name: 'pages.sign_in.provider',
    summary: 'Send a request to an identity provider by a form',
    open: 'the browser that began is the credential',
    quiet: 'reads only',
    limit: { by: 'ip', max: 120, per: '10m' },
  }),
  failed: operation({
    name: 'pages.sign_in.failed',
    summary: 'Show why a sign-in with an identity provider failed',
    open: SIGN_IN,
    quiet: 'reads only',
  }),
  question: operation({
    name: 'pages.sign_in.connect',
    summary: 'Show the form of a first sign-in with an identity provider',
    open: 'the browser that began is the credential',
    quiet: 'reads only',
    limit: { by: 'ip', max: 120, per: '10m' },
  }),
  register: operation({
    name: 'auth.external.register',
    summary: 'Create an account from a first sign-in with an identity provider',
    open: 'the browser that began is the credential',
    audit: COMPLETES,
    limit: { by: 'ip', max: 60, per: '1h', exact: true },
    errors: ['CONFLICT', 'NOT_FOUND'],
  }),
  signInForm: operation({
    name: 'pages.sign_in.confirm',
    summary: 'Show whom a sign-in with an identity provider signs in',
    open: 'the browser that began is the credential',
    quiet: 'reads only',
    limit: { by: 'ip', max: 120, per: '10m' },
  }),
  signIn: operation({
    name: 'auth.external.sign_in',
    summary: 'Confirm a sign-in with an identity provider',
    open: 'the browser that began is the credential',
    audit: COMPLETES,
    limit: { by: 'ip', max: 60, per: '10m', exact: true },
    errors: ['NOT_FOUND'],
  }),
  confirmForm: operation({
    name: 'pages.account.connect',
    summary: 'Show what connecting an account at an identity provider means',
    needs: 'session',
    quiet: 'reads only; that it is refused is in the diagnostics of the connection',
    limit: { by: 'user', max: 120, per: '10m' },
  }),
  confirm: operation({
    name: 'auth.external.connect',
    summary: 'Connect an account at an identity provider',
    needs: 'session',
    fresh: '10m',
    audit: ['auth.identity.linked', 'auth.login.failure'],
    limit: { by: 'user', max: 60, per: '1h' },
    errors: ['CONFLICT', 'NOT_FOUND'],
  }),
}
