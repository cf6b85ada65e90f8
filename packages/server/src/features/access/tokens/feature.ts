/** The feature value of access and refresh tokens, with the checks that other features use. */
import type { Feature } from '../../../core/feature.ts'
import type { Tools } from '../../../core/tools.ts'
import type { SessionChecks } from '../../identity/sessions/index.ts'
import { type TokenChecks, tokenChecks } from './checks.ts'
import { tokenJobs } from './jobs.ts'
import { tokenRoutes } from './routes.ts'
import { revocationStream } from './stream.ts'

export function tokenFeature(tools: Tools, sessions: SessionChecks): Feature & { checks: TokenChecks } {
  const checks = tokenChecks(tools)
  return {
    name: 'tokens',
    rows: [...tokenRoutes(tools, { sessions, tokens: checks }), revocationStream(tools)],
    jobs: tokenJobs(tools),
    credential: { access_token: ({ token }, now) => checks.check(token, now) },
    checks,
  }
}
