/**
 * Test sign-ins: a round trip to the provider of a connection whose answer is checked and shown, and signs in no user. It
 * works for connections that are not active, so that one is tested before it is offered. Its answer comes to where all
 * answers come (signin/federation), and its outcome is kept by signin/round-trips.
 */
import type { Call } from '../../../base/call.ts'
import type { CookieChange } from '../../../base/http/row/route.ts'
import type { UsableConnection } from '../../../core/connections/index.ts'
import { askProvider, type Federation, type FederationTools } from '../federation/index.ts'
import { findTest } from '../round-trips/index.ts'

export type TestConclusion = NonNullable<Awaited<ReturnType<typeof findTest>>>['outcome']

/**
 * Begins a test sign-in. @param returnTo the page that shows its outcome, by the parameter `trip`
 * @throws FederationFault where the provider is unreachable or the settings are incomplete; it is in the diagnostics
 */
export async function beginTest(
  tools: FederationTools,
  federation: Federation,
  call: Call,
  connection: UsableConnection,
  returnTo: string,
): Promise<{ url: string; state: string; cookie: CookieChange }> {
  const after = { returnTo, remember: false, isMeant: true, tests: connection.version }
  // an account that is signed in at the provider already is a test as well
  return await askProvider(tools, federation, call, connection, { flow: 'test', after })
}

/** The outcome of a test that this browser has made with the connection; null where there is none. */
export async function findTestOf(
  tools: FederationTools,
  call: Call,
  connectionId: string,
  trip: string | undefined,
): Promise<TestConclusion | null> {
  const found = trip === undefined ? null : await findTest(tools, tools.db.hot, call, trip)
  return found?.connectionId === connectionId ? found.outcome : null
}
