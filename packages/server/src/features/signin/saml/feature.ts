/** The feature value of the SAML service provider. */

import type { Metrics } from '../../../base/metrics/index.ts'
import type { Feature } from '../../../core/feature.ts'
import type { Tools } from '../../../core/tools.ts'
import { certificateExpiry, samlJobs } from './jobs.ts'
import { samlPages } from './pages.tsx'

/** Registers the metric of when certificates expire. */
export function registerExpiry(metrics: Pick<Metrics, 'gauge'>, { db }: Pick<Tools, 'db'>): void {
  metrics.gauge(
    'saml_certificate_expires_seconds',
    {
      help: 'Seconds until the next certificate in use expires: of the identity provider, or of this server. Negative: it has expired, and there is no other.',
      labels: ['connection', 'owner'],
      values: { owner: ['provider', 'server'] },
    },
    (now) => certificateExpiry(db.hot, now),
  )
}

export function samlFeature(tools: Tools): Feature {
  registerExpiry(tools.metrics, tools)
  return { name: 'saml', rows: samlPages(tools), jobs: samlJobs(tools) }
}
