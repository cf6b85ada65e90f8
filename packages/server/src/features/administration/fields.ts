/** What the rows about people share. */
import { z } from 'zod'
import { optional } from '../../base/fields.ts'

export const TAG = 'People'
export const UserId = z.string().max(64).describe('`usr_…`')
/** What may be answered to whoever looks after people, but not after this one, or not now. */
export const OF_ACTING = ['NOT_FOUND', 'CONFLICT'] as const

/** ISO 8601 with a zone. */
export const Instant = optional(z.iso.datetime({ offset: true }).max(40)).transform((text) =>
  text === undefined ? undefined : new Date(text),
)
