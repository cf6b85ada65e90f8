/**
 * The organization that a registration wished for: the wish is the user's; `organizations` founds it after the first
 * sign-in.
 */
import { z } from 'zod'
import { job } from '../../../core/jobs/index.ts'

export const organizationWished = job('organizations.found', z.object({ user_id: z.string() }))
