/** Devices without a browser: what they request, and what their users answer. */
import { operation } from '../../../base/http/row/operation.ts'

/** A code has 34 bits: that a user guesses one of a thousand that wait has a probability of less than one to 400,000. */
const GUESSES = [
  { by: 'ip', max: 300, per: '10m' },
  { by: 'user', max: 60, per: '10m', exact: true },
] as const

export const deviceOperations = {
  request: operation({
    name: 'oidc.device_authorization',
    summary: 'Ask a user to sign a device in',
    open: 'the app proves who it is by its own credential',
    quiet: 'nothing is permitted before a user answers',
    limit: { by: 'ip', max: 300, per: '1m' },
    errors: ['AUTHENTICATION_FAILED'],
  }),
  show: operation({
    name: 'oidc.device',
    summary: 'View the form for the code of a device',
    open: 'no code is looked up before the user has signed in',
    quiet: 'reads only',
    limit: { by: 'ip', max: 300, per: '10m' },
  }),
  enter: operation({
    name: 'oidc.device.enter',
    summary: 'Enter the code of a device',
    open: 'no code is looked up before the user has signed in',
    quiet: 'nothing is permitted before the user answers',
    limit: { by: 'ip', max: 300, per: '10m' },
  }),
  review: operation({
    name: 'oidc.device.review',
    summary: 'See what a device asks for',
    needs: 'session',
    anyProof: 'the app gets no more than the session may do, which is judged before',
    quiet: 'reads only',
    limit: GUESSES,
  }),
  decide: operation({
    name: 'oidc.device.decide',
    summary: 'Allow a device what it asks for, or not',
    needs: 'session',
    anyProof: 'the app gets no more than the session may do, which is judged before',
    audit: ['oidc.authorized', 'oidc.denied'],
    limit: GUESSES,
  }),
}
