/** The feature value of the SAML service provider. */
import type { Feature } from '../../../core/feature.ts'
import type { Tools } from '../../../core/tools.ts'
import { certificateExpiry, samlJobs } from './jobs.ts'
import { samlPages } from './pages.tsx'

export function samlFeature(tools: Tools): Feature {
  tools.metrics.gauge(
    'saml_certificate_expires_seconds',
    {
      help: 'Seconds until the next certificate in use expires: of the identity provider, or of this server. Negative: it has expired, and there is no other.',
      labels: ['connection', 'owner'],
    },
    (now) => certificateExpiry(tools.db.hot, now),
  )
  return { name: 'saml', rows: samlPages(tools), jobs: samlJobs(tools) }
}
