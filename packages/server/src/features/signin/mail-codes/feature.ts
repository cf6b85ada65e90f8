/** The feature value of links and codes by e-mail. */
import type { Feature } from '../../../core/feature.ts'
import type { Tools } from '../../../core/tools.ts'
import { emailFactorPages } from './factor-pages.tsx'
import { codePages, linkPages, requestPages } from './pages.tsx'
import { mailCodeJobs } from './requests.ts'
import { codeRoutes, factorRoutes, linkRoutes } from './routes.ts'

export function mailCodeFeature(tools: Tools): Feature {
  const { emailSignIn } = tools.config
  return {
    name: 'mail-codes',
    rows: [
      ...(emailSignIn.length > 0 ? requestPages(tools) : []),
      ...(emailSignIn.includes('link') ? [...linkRoutes(tools), ...linkPages(tools)] : []),
      // codes are a second factor too, and confirm who signed in by e-mail
      ...codeRoutes(tools, emailSignIn.includes('code')),
      ...codePages(tools),
      ...factorRoutes(tools),
      ...emailFactorPages(tools),
    ],
    jobs: mailCodeJobs(tools),
  }
}
