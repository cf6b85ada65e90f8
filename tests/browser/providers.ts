/**
 * Identity providers in the browser tests: an https page is answered by the scripted provider of its host
 * (fake-provider.ts) at 127.0.0.1, which is another site than the server's localhost, as a real provider is.
 */
import type { BrowserContext } from 'playwright-core'
import type { FakeProviders } from '../../packages/server/src/testing/fake-provider.ts'

export const reachProviders = (context: BrowserContext, fakes: FakeProviders): Promise<unknown> =>
  context.route(/^https:/, (route) =>
    route.fulfill({ status: 302, headers: { location: fakes.local(route.request().url()) } }),
  )
