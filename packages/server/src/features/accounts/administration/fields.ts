/** What the rows about people share. */
import { z } from 'zod'

export const TAG = 'People'
export const UserId = z.string().max(64).describe('`usr_…`')
/** What may be answered to whoever looks after people, but not after this one, or not now. */
export const OF_ACTING = ['NOT_FOUND', 'CONFLICT'] as const
