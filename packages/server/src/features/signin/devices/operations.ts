/** The operations of remembered devices. */
import { operation } from '../../../base/http/row/operation.ts'

export const deviceOperations = {
  list: operation({
    name: 'auth.devices.list',
    summary: 'List the browsers that may skip your second factor',
    needs: 'session',
    quiet: 'reads only',
  }),
  forget: operation({
    name: 'auth.devices.forget',
    summary: 'Forget a remembered browser',
    needs: 'session',
    audit: 'auth.device.forgotten',
    errors: ['NOT_FOUND'],
  }),
  forgetAll: operation({
    name: 'auth.devices.forget_all',
    summary: 'Forget all remembered browsers',
    needs: 'session',
    audit: 'auth.device.forgotten',
  }),
}
