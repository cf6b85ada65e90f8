/** `POST /dev/clock`: sets the time in the testing profile, so that an app's tests can test expiry. */
import { z } from 'zod'
import { parseDuration } from '../base/clock.ts'
import { described, timeField } from '../base/described.ts'
import { invalid } from '../base/errors.ts'
import { Instant } from '../base/fields.ts'
import { operation } from '../base/http/row/operation.ts'
import { type Row, route } from '../base/http/row/route.ts'
import { audit } from './audit/index.ts'
import type { Tools } from './tools.ts'

const TEN_YEARS = 3650 * 86_400_000

/** @param runDue runs the jobs that became due, before the answer is sent */
export const clockRow = (tools: Pick<Tools, 'clock' | 'db'>, runDue: () => Promise<void>): Row =>
  route({
    of: operation({
      name: 'dev.clock',
      summary: 'Move the clock',
      open: 'it exists only in the testing profile',
      anonymous: true,
      audit: 'system.clock.moved',
    }),
    method: 'POST',
    path: '/dev/clock',
    description:
      '`{"advance":"31m"}` advances it, `{"now":"2030-01-01T00:00:00Z"}` sets it. Every expiry follows, and jobs that became due have run before the answer is sent. Only in the testing profile.',
    tag: 'Development',
    message: 'Clock moved.',
    input: z.object({
      advance: described(
        z.string().max(20).optional(),
        'How far to move the clock: `90s`, `31m`, `8h`, `30d`.',
        '31m',
      ),
      now: Instant.optional().meta({
        description: 'The time to set, ISO 8601 with a zone, instead of `advance`.',
        samples: [],
      }),
    }),
    output: z.object({ now: timeField('The time of the server from now on.') }),
    run: async (call, { advance, now }) => {
      if (now !== undefined) tools.clock.set(now)
      else tools.clock.advance(stepOf(advance))
      await tools.db.tx('system', (tx) =>
        audit(
          tx,
          { ...call, now: tools.clock.now() },
          { type: 'system.clock.moved', userId: null, username: null },
        ),
      )
      await runDue()
      const at = tools.clock.now()
      return { data: { now: at.toISOString() }, at }
    },
  })

function stepOf(text: string | undefined): number {
  const step = text === undefined ? null : parseDuration(text)
  if (step === null || step > TEN_YEARS)
    throw invalid('advance', 'invalid', 'Use a duration such as 31m, 8h or 30d.')
  return step
}
