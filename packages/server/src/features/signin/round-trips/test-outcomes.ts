/**
 * Test sign-ins, once their answer has come: their outcome is recorded in the diagnostics, kept for the page that shows it, and
 * marks the connection as tested if it succeeded.
 *
 * Invariant: what a test brings is in no sign-in, link or account (questions.ts does not see it); and only a
 * test marks a connection as tested, if it has the version that the test began with.
 */
import type { Call } from '../../../base/call.ts'
import { later } from '../../../base/clock.ts'
import type { Db, Statements } from '../../../base/db/types.ts'
import { failedEvent, recordConnectionEvent } from '../../../core/connection-events.ts'
import { markTested } from '../../../core/connections/index.ts'
import { type ExternalIdentity, FederationFault, type ProviderFault } from '../../../core/providers/index.ts'
import { DECISION, ofBrowser, type RoundTrip, type TripTools, withDates } from './round-trips.ts'

/** What the answer to a test sign-in was: who it is about, or why it was refused. */
export type TestOutcome = { identity: ExternalIdentity } | { fault: ProviderFault; detail: string | null }

/** Keeps the outcome for the page about it. */
async function keepTest(
  { keyring }: TripTools,
  db: Statements,
  trip: RoundTrip,
  outcome: TestOutcome,
  now: Date,
): Promise<void> {
  await db
    .updateTable('round_trips')
    .set({
      identity: keyring.encrypt('round_trips', JSON.stringify(outcome)),
      expires_at: later(now, DECISION),
    })
    .where('id', '=', trip.id)
    .where('flow', '=', 'test')
    .execute()
}

/** Takes the outcome of a test. @returns where the browser goes: the page that it was begun for, with the parameter `trip` */
export async function concludeTest(
  tools: TripTools & { db: Db },
  call: Call,
  trip: RoundTrip,
  outcome: TestOutcome,
): Promise<string> {
  const { id, connectionId, after } = trip
  await tools.db.tx('system', async (tx) => {
    if ('fault' in outcome) {
      const fault = new FederationFault(outcome.fault, outcome.detail)
      await recordConnectionEvent(tx, failedEvent(connectionId, 'test', fault), call)
      return await keepTest(tools, tx, trip, outcome, call.now)
    }
    // neither the tokens of the provider nor its session are of use after a test
    const { tokens: _, session: __, ...identity } = outcome.identity
    await recordConnectionEvent(tx, { connectionId, flow: 'test', fault: null, identity }, call)
    await markTested(tx, connectionId, after.tests ?? 0, call.now)
    await keepTest(tools, tx, trip, { identity }, call.now)
  })
  const path = after.returnTo ?? '/'
  return `${path}${path.includes('?') ? '&' : '?'}trip=${id}`
}

/** The outcome of a test that this browser has made; null where there is none (any more). */
export async function findTest(
  { keyring }: TripTools,
  db: Statements,
  call: Call,
  id: string,
): Promise<{ connectionId: string; outcome: TestOutcome } | null> {
  const row = await ofBrowser(db, call, id)
    ?.select(['connection_id', 'identity'])
    .where('flow', '=', 'test')
    .where('expires_at', '>', call.now)
    .executeTakeFirst()
  if (!row?.identity) return null
  const outcome = JSON.parse(keyring.decrypt('round_trips', row.identity)) as TestOutcome
  return {
    connectionId: row.connection_id,
    outcome: 'identity' in outcome ? { identity: withDates(outcome.identity) } : outcome,
  }
}
