/** What the tests of the connection of a link have shown, with its settings as they are now. */
import type { Db } from '../../../base/db/types.ts'
import { readLastEvents } from '../../organizations/connections/index.ts'
import type { ConnectionSetup } from '../../organizations/setup-links/index.ts'
import { addressIn, type TestWarning, warningOf } from '../connection-tests/index.ts'

export interface SetupEvent {
  id: string
  at: Date
  fault: string | null
  question: string | null
  detail: string | null
  requestId: string | null
}

export interface LastTest {
  /** The last one, where that has failed. */
  failed: (SetupEvent & { fault: string }) | null
  /** What was wrong with the last one that succeeded. */
  warning: TestWarning | null
}

/** The last sign-ins and tests, the newest first. */
export const eventsOf = async (
  db: Db,
  { connection }: Pick<ConnectionSetup, 'connection'>,
): ReturnType<typeof readLastEvents> =>
  connection === null ? [] : await db.tx('system', (tx) => readLastEvents(tx, connection.id))

export async function findLastTest(
  db: Db,
  { connection, use }: Pick<ConnectionSetup, 'connection' | 'use'>,
): Promise<LastTest> {
  if (connection === null) return { failed: null, warning: null }
  // those before the last change were of other settings
  const tests = (await eventsOf(db, { connection })).filter(
    ({ flow, at }) => flow === 'test' && at >= connection.updatedAt,
  )
  const [last] = tests
  const passed = connection.testedAt === null ? undefined : tests.find(({ fault }) => fault === null)
  return {
    failed: last && last.fault !== null ? { ...last, fault: last.fault } : null,
    warning: passed ? warningOf(addressIn(connection, passed.claims ?? {}), use.domains) : null,
  }
}
