/** Input fields and JSON views of members. */
import { z } from 'zod'
import { cursorField } from '../../../base/cursor.ts'
import {
  described,
  exampleId,
  idField,
  idInput,
  textField,
  textOrNull,
  timeField,
} from '../../../base/described.ts'
import { isId } from '../../../base/ids.ts'
import { MEMBER_MFA } from '../../../core/policies.ts'
import { OneOrganization } from '../membership/index.ts'
import type { MemberRow } from './sql.ts'

/** The path parameters of every row about one member. */
export const OneMember = OneOrganization.extend({ user_id: idInput('usr', 'The member.') })

export const UserId = z
  .string()
  .max(64)
  .refine((text) => isId('usr', text), { error: () => 'This is not the id of a user.' })
  .meta({ description: 'The user. Form: `usr_…`.', samples: [exampleId('usr')] })

export const MemberSearch = z
  .string()
  .trim()
  .max(254)
  .optional()
  .describe('The beginning of a name, username or e-mail address, in any case.')

/** It contains the position of a search, encrypted: a name of up to a hundred characters of any script. */
export const MemberCursor = cursorField(8192)

export const MemberMfaField = z.enum(MEMBER_MFA).meta({
  description:
    'What the security policy demands of this member: `inherit` as of all, `required` a second factor in any case, `exempt` nothing, `force_totp` an authenticator app, `force_passkey` a passkey.',
  samples: ['inherit'],
})

export const MemberView = z
  .object({
    user: described(
      z.object({
        id: idField('usr', 'The user.'),
        username: textOrNull('The username; null for none.', 'ada'),
        full_name: textOrNull('The name of the person; null if it is not known.', 'Ada Lovelace'),
        email: textField('The e-mail address.', 'ada@example.com'),
      }),
      'Who the member is.',
    ),
    role: textField('The role of the member in the organization.', 'member'),
    joined_at: timeField('When the user became a member.'),
    mfa: MemberMfaField,
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
  mfa: member.mfa,
})
