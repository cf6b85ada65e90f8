/** Fields that the rows about users share. */
import { z } from 'zod'

export const TAG = 'People'
export const UserId = z.string().max(64).describe('`usr_…`')
