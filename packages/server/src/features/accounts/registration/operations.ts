/** Signing up, and the first administrator. */
import { operation } from '../../../base/http/row/operation.ts'

export const registrationOperations = {
  register: operation({
    name: 'auth.register',
    summary: 'Sign up',
    open: 'this is how an account comes to be',
    audit: ['user.registered', 'auth.login.success'],
    limit: { by: 'ip', max: 60, per: '1h' },
    errors: ['CONFLICT', 'UNAVAILABLE'],
  }),
  signUpForm: operation({
    name: 'pages.sign_up',
    summary: 'The sign-up form',
    open: 'this is how an account comes to be',
    quiet: 'reads only',
  }),
  setupForm: operation({
    name: 'pages.setup',
    summary: 'The form of the first administrator',
    open: 'the token of the link that the start printed is the credential',
    quiet: 'reads only: opening the link does not use it up',
    limit: { by: 'ip', max: 60, per: '10m' },
  }),
  setUp: operation({
    name: 'pages.setup.submit',
    summary: 'Make the first administrator',
    open: 'the token of the link that the start printed is the credential',
    audit: ['user.created', 'auth.login.success'],
    limit: { by: 'ip', max: 30, per: '10m' },
  }),
}
