/** The operations of test sign-ins. */
import { operation } from '../../../base/http/row/operation.ts'

/** Testing requests the provider, and shows what it says of the person who signs in there. */
const TESTS = { by: 'user', max: 60, per: '10m' } as const
const ASKS = 'stores what the provider’s answer is checked against; the outcome is in the diagnostics'

const testServer = operation({
  name: 'connections.test',
  summary: 'Begin a test sign-in by a server-wide connection',
  needs: 'connections:write',
  quiet: ASKS,
  limit: TESTS,
  errors: ['NOT_FOUND', 'UNAVAILABLE'],
})

const testOrganization = operation({
  name: 'organizations.connections.test',
  summary: 'Begin a test sign-in by a connection of an organization',
  needs: 'session',
  organization: 'connections:write',
  quiet: ASKS,
  limit: TESTS,
  errors: ['NOT_FOUND', 'UNAVAILABLE'],
})

export const connectionTestOperations = {
  server: testServer,
  organization: testOrganization,
  form: operation({
    name: 'pages.organizations.connection.test',
    summary: 'Begin a test sign-in from the page of a connection',
    needs: 'session',
    organization: 'connections:write',
    quiet: ASKS,
    limit: { ...TESTS, sharedWith: testOrganization },
    errors: ['NOT_FOUND'],
  }),
  tested: operation({
    name: 'pages.sign_in.tested',
    summary: 'Show the outcome of a test sign-in',
    open: 'the browser that began is the credential',
    quiet: 'reads only',
    limit: { by: 'ip', max: 120, per: '10m' },
  }),
}
