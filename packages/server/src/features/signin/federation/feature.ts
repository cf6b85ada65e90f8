/** The feature value of signing in by an identity provider. */
import { connectionEventJobs } from '../../../core/connection-events.ts'
import type { Feature } from '../../../core/feature.ts'
import type { Tools } from '../../../core/tools.ts'
import type { SessionChecks } from '../../identity/sessions/index.ts'
import { roundTripJobs } from '../round-trips/index.ts'
import { consumerPages } from './consumer-pages.ts'
import { connectionEnding } from './jobs.ts'
import { federationPages } from './pages.tsx'
import { federationRoutes } from './routes.ts'
import type { Federation } from './sign-in.ts'

export const federationFeature = (
  tools: Tools,
  federation: Federation,
  sessions: Pick<SessionChecks, 'endProvenBy'>,
): Feature => ({
  name: 'federation',
  rows: [
    ...federationRoutes(tools, federation),
    ...federationPages(tools, federation),
    ...consumerPages(tools, federation),
  ],
  jobs: [connectionEnding(tools, sessions), ...roundTripJobs(tools), ...connectionEventJobs(tools)],
})
