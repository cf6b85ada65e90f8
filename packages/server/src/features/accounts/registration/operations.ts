/** The operations of sign-up and of the first administrator's set-up. */
import { operation } from '../../../base/http/row/operation.ts'

export const registrationOperations = {
  register: operation({
    name: 'auth.register',
    summary: 'Sign up',
    open: 'signing up requires no account',
    hashes: true,
    audit: ['user.registered', 'auth.login.success'],
    limit: { by: 'ip', max: 60, per: '1h', exact: true },
    errors: ['CONFLICT', 'UNAVAILABLE'],
  }),
  signUpForm: operation({
    name: 'pages.sign_up',
    summary: 'Show the sign-up form',
    open: 'signing up requires no account',
    quiet: 'reads only',
  }),
  setupForm: operation({
    name: 'pages.setup',
    summary: 'Show the form of the first administrator',
    open: 'the token of the set-up link is the credential',
    quiet: 'reads only: opening the link does not consume it',
    limit: { by: 'ip', max: 60, per: '10m' },
  }),
  setUp: operation({
    name: 'pages.setup.submit',
    summary: 'Create the first administrator',
    hashes: true,
    open: 'the token of the set-up link is the credential',
    audit: ['user.created', 'auth.login.success'],
    limit: { by: 'ip', max: 30, per: '10m' },
  }),
}
