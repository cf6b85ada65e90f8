/** Beginning a test sign-in, as JSON and from the page of an organization's connection, and the page about its outcome. */
import { z } from 'zod'
import type { Call } from '../../../base/call.ts'
import { idInput } from '../../../base/described.ts'
import { notFound } from '../../../base/errors.ts'
import { ReturnTo } from '../../../base/fields.ts'
import { type PageAnswer, page, type Row, route } from '../../../base/http/row/route.ts'
import { withReturnTo } from '../../../base/page/parts.tsx'
import { safeReturnTo } from '../../../base/return-to.ts'
import { advisedOf } from '../../../core/connection-advice.tsx'
import { findConnection, type UsableConnection } from '../../../core/connections/index.ts'
import { FederationFault } from '../../../core/providers/index.ts'
import { listSpokenDomains } from '../../organizations/domains/index.ts'
import { OneOrganization } from '../../organizations/membership/index.ts'
import { BegunView, type Federation, type FederationTools, orUnavailable } from '../federation/index.ts'
import { findTest } from '../round-trips/index.ts'
import { beginTest } from './begin.ts'
import { connectionTestOperations as of } from './operations.ts'
import { testText as t } from './texts.ts'
import { TestedPage, TestGone } from './views.tsx'

/** The page about a test that has no other page. */
const TESTED = '/sign-in/tested'

const ConnectionId = idInput('con', 'The connection.')
const BackTo = ReturnTo.meta({
  description:
    'Where the page about the outcome leads back to: a path of this server, or a URL of a registered origin.',
  samples: ['/account'],
})
const ABOUT =
  'Answers with the address to which the app sends the browser of this request’s caller. The answer of the provider is checked as at a sign-in, signs in no user, and is shown on a page with what the connection makes of it. It works for connections that are not active too. If it succeeds and the connection has not been changed meanwhile, `tested_at` is set. The outcome is in the events of the connection as well.'

/** @throws Problem NOT_FOUND for a connection of another owner */
async function ownConnection(
  tools: Pick<FederationTools, 'db'>,
  organizationId: string | null,
  id: string,
): Promise<UsableConnection> {
  const connection = await findConnection(tools.db.hot, id)
  if (connection?.organizationId !== organizationId || !connection) throw notFound('connection')
  return connection
}

const organizationOf = ({ organization }: Call): string => {
  if (!organization) throw notFound('organization')
  return organization.id
}

const gone = ({ locale }: Call): PageAnswer => ({
  page: <TestGone />,
  title: t(locale, 'gone.title'),
  status: 404,
})

export function testRows(tools: FederationTools, federation: Federation): Row[] {
  async function begin(call: Call, organizationId: string | null, id: string, returnTo: string | undefined) {
    const connection = await ownConnection(tools, organizationId, id)
    const shownAt = withReturnTo(TESTED, safeReturnTo(tools.config, returnTo))
    return await orUnavailable(beginTest(tools, federation, call, connection, shownAt))
  }
  const message = 'Continue at the identity provider.'
  const tag = 'Connections'
  return [
    route({
      of: of.server,
      method: 'POST',
      path: '/api/v1/connections/:id/test',
      description: ABOUT,
      tag,
      input: z.object({ id: ConnectionId, return_to: BackTo }),
      output: BegunView,
      message,
      run: (call, { id, return_to }) => begin(call, null, id, return_to),
    }),
    route({
      of: of.organization,
      method: 'POST',
      path: '/api/v1/organizations/:id/connections/:connection_id/test',
      description: ABOUT,
      tag,
      input: OneOrganization.extend({ connection_id: ConnectionId, return_to: BackTo }),
      output: BegunView,
      message,
      run: (call, { connection_id, return_to }) =>
        begin(call, organizationOf(call), connection_id, return_to),
    }),
    page({
      of: of.form,
      method: 'GET',
      path: '/account/organizations/:id/connections/:connection_id/test',
      input: OneOrganization.extend({ connection_id: ConnectionId }),
      run: async (call, { id, connection_id }) => {
        const connection = await ownConnection(tools, organizationOf(call), connection_id)
        const at = `/account/organizations/${id}/connections/${connection_id}`
        try {
          const shownAt = withReturnTo(TESTED, at)
          const { url, cookie } = await beginTest(tools, federation, call, connection, shownAt)
          return { redirect: url, cookies: [cookie] }
        } catch (error) {
          // the reason is the first of the diagnostics
          if (error instanceof FederationFault) return { redirect: `${at}/events` }
          throw error
        }
      },
    }),
    page({
      of: of.tested,
      method: 'GET',
      path: TESTED,
      input: z.object({ trip: z.string().max(64), return_to: ReturnTo }),
      run: async (call, { trip, return_to }) => {
        const found = await findTest(tools, tools.db.hot, call, trip)
        const connection = found && (await findConnection(tools.db.hot, found.connectionId))
        if (!found || !connection) return gone(call)
        const returnTo = safeReturnTo(tools.config, return_to)
        const { outcome } = found
        const isGood = 'identity' in outcome
        const { organizationId, name } = connection
        const domains = organizationId === null ? [] : await listSpokenDomains(tools.db.hot, connection)
        return {
          page: (
            <TestedPage
              connection={name}
              outcome={outcome}
              domains={domains}
              returnTo={returnTo}
              of={advisedOf(tools.config, connection)}
            />
          ),
          title: t(call.locale, isGood ? 'title' : 'failed.title', { connection: name }),
        }
      },
      redisplay: async (call, _typed, failed) => {
        if (failed.code === 'VALIDATION_ERROR') return gone(call)
        throw failed
      },
    }),
  ]
}
