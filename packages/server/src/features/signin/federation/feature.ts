/** The feature value of signing in by an identity provider. */
import { connectionEventJobs } from '../../../core/connection-events.ts'
import type { Feature } from '../../../core/feature.ts'
import type { Tools } from '../../../core/tools.ts'
import { roundTripJobs } from '../round-trips/index.ts'
import { consumerPages } from './consumer-pages.ts'
import { authorityEnding, connectionEnding } from './jobs.ts'
import { federationPages } from './pages.tsx'
import { federationRoutes } from './routes.ts'
import type { Federation } from './sign-in.ts'

export const federationFeature = (tools: Tools, federation: Federation): Feature => ({
  name: 'federation',
  rows: [
    ...federationRoutes(tools, federation),
    ...federationPages(tools, federation),
    ...consumerPages(tools, federation),
  ],
  jobs: [
    connectionEnding(tools),
    authorityEnding(tools),
    ...roundTripJobs(tools),
    ...connectionEventJobs(tools),
  ],
})
