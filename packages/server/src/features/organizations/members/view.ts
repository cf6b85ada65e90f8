/** Input fields and JSON views of members. */
import { z } from 'zod'
import { isId } from '../../../base/ids.ts'
import { OneOrganization } from '../membership/index.ts'
import type { MemberRow } from './sql.ts'

/** The path parameters of every row about one member. */
export const OneMember = OneOrganization.extend({ user_id: z.string().max(64) })

export const UserId = z
  .string()
  .max(64)
  .refine((text) => isId('usr', text), { error: () => 'This is not the id of a user.' })

export const MemberSearch = z
  .string()
  .trim()
  .max(254)
  .optional()
  .describe('Prefix to search for, in any case')

/** It contains the position of a search, encrypted: a name of up to a hundred characters of any script. */
export const MemberCursor = z.string().max(8192).optional()

export const MemberView = z
  .object({
    user: z.object({
      id: z.string(),
      username: z.string().nullable(),
      full_name: z.string().nullable(),
      email: z.string(),
    }),
    role: z.string(),
    joined_at: z.string(),
  })
  .meta({ id: 'Member' })

export const memberView = (member: MemberRow): z.infer<typeof MemberView> => ({
  user: {
    id: member.user_id,
    username: member.username,
    full_name: member.full_name,
    email: member.email,
  },
  role: member.role,
  joined_at: member.joined_at.toISOString(),
})
