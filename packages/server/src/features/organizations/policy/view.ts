/** Input fields and JSON views of security policies and compliance. */
import { z } from 'zod'
import { ACCEPTABLE_METHODS } from '../../../base/assurance.ts'
import { parseDuration } from '../../../base/clock.ts'
import { csvLine } from '../../../base/csv.ts'
import {
  described,
  EXAMPLE_LATER,
  flagField,
  idField,
  textField,
  textList,
  textOrNull,
  timeOrNull,
} from '../../../base/described.ts'
import { CONFORMANCE, PASSWORD_PROFILES } from '../../../config/password-profiles.ts'
import { MEMBER_MFA, POLICY_MODES } from '../../../core/policies.ts'
import type { Effect } from './changes.ts'
import type { OwnCompliance } from './compliance.ts'
import type { ComplianceRow, EffectRow } from './members-sql.ts'
import { COMPLIANCE_STATES, type PolicyFields, SIGN_IN_RULES } from './policy.ts'
import type { StoredPolicy } from './sql.ts'

const MODES =
  '`disabled` and `optional` demand nothing, `require_any` a second factor of any allowed kind, `require_totp` an authenticator app, `require_passkey` a passkey.'
const MODE = z
  .enum(POLICY_MODES)
  .meta({ description: `What the organization demands: ${MODES}`, samples: ['require_any'] })

const Days = z.number().int().min(1).max(365)
const NOTIFY = z
  .union([Days, z.array(Days).max(10)], {
    error: () => 'Use a number of days from 1 to 365, or a list of up to 10.',
  })
  .meta({
    description:
      'Days before the due date on which members get a reminder: a number, or a list of up to 10. On the due date there is always one.',
    samples: [[7, 1]],
  })

const SHORTEST = 5 * 60_000
const LONGEST = 365 * 86_400_000
const SESSION_ABSOLUTE = z
  .string()
  .max(16)
  .refine(
    (text) => {
      const milliseconds = parseDuration(text)
      return (
        milliseconds !== null &&
        milliseconds >= SHORTEST &&
        milliseconds <= LONGEST &&
        milliseconds % 1000 === 0
      )
    },
    { error: () => 'Use a duration from 5 minutes to 365 days, such as `8h`.' },
  )
  .nullable()
  .meta({
    description:
      'How long after its sign-in a session may act in the organization: a duration such as `8h`; null for as long as the session lasts.',
    samples: ['12h'],
  })

/** Seconds as the shortest duration: 43200 is `12h`. */
export function durationText(seconds: number): string {
  if (seconds % 86_400 === 0) return `${seconds / 86_400}d`
  if (seconds % 3600 === 0) return `${seconds / 3600}h`
  return seconds % 60 === 0 ? `${seconds / 60}m` : `${seconds}s`
}

const GRACE = z
  .number()
  .int()
  .min(0)
  .max(365)
  .meta({
    description:
      'Days that a member has to set up a factor, from the day that the demand began or was tightened, or that the member joined. 0: at once.',
    samples: [14],
  })
const ALLOWED = z
  .array(z.enum(ACCEPTABLE_METHODS))
  .min(1)
  .max(ACCEPTABLE_METHODS.length)
  .transform((all) => [...new Set(all)])
  .meta({
    description:
      'The methods that answer the demand: `totp`, `passkey`, `backup_code`, and `remembered_device` for browsers that the member has chosen to remember. Under `require_passkey`, `totp` may replace a passkey that is not at hand.',
    samples: [['totp', 'passkey', 'backup_code']],
  })
const PROFILE = z
  .enum(PASSWORD_PROFILES)
  .nullable()
  .meta({
    description:
      'The password profile that members must meet beside the server’s; the stricter rule counts. Null for the server’s alone.',
    samples: ['nist'],
  })
const SIGN_IN = z.enum(SIGN_IN_RULES).meta({
  description:
    'How members sign in to act in the organization. `sso_required`: by an active connection of the organization; owners may replace it by a password or passkey with a second factor that was enrolled 24 hours before it is used, which is recorded. It requires an active, tested connection and a proven domain.',
  samples: ['any'],
})
const VERSION = z.number().int().min(0).max(2_147_483_647).optional().meta({
  description:
    'The version that the change is based on. If the policy has another by now, the answer is 409 with `reason: "stale"`. Absent: the change is made in any case.',
  samples: [],
})

/** The fields of a change; absent ones stay. */
export const PolicyChangeFields = z.object({
  mode: MODE.optional(),
  grace_days: GRACE.optional(),
  notify_days_before: NOTIFY.optional(),
  allowed_methods: ALLOWED.optional(),
  session_absolute: SESSION_ABSOLUTE.optional(),
  password_profile: PROFILE.optional(),
  sign_in: SIGN_IN.optional(),
  version: VERSION,
})

export function changeOf(input: z.infer<typeof PolicyChangeFields>): {
  [K in keyof PolicyFields]: PolicyFields[K] | undefined
} {
  const { session_absolute: absolute, notify_days_before: notify } = input
  const milliseconds = absolute === undefined || absolute === null ? absolute : parseDuration(absolute)
  return {
    mode: input.mode,
    graceDays: input.grace_days,
    notifyDaysBefore: notify === undefined ? undefined : [...new Set([notify].flat())].sort((a, b) => b - a),
    allowedMethods: input.allowed_methods,
    sessionAbsolute: milliseconds === undefined || milliseconds === null ? milliseconds : milliseconds / 1000,
    passwordProfile: input.password_profile,
    signIn: input.sign_in,
  }
}

export type SecurityPolicyView = z.infer<typeof SecurityPolicyView>
export const SecurityPolicyView = z
  .object({
    mode: MODE,
    grace_days: GRACE,
    notify_days_before: NOTIFY,
    allowed_methods: textList('The methods that answer the demand.', 'totp', 'passkey', 'backup_code'),
    session_absolute: textOrNull(
      'How long after its sign-in a session may act in the organization, as a duration; null for as long as it lasts.',
      '12h',
    ),
    password_profile: PROFILE,
    password_conformance: textOrNull(
      'What standard the password profile follows and what not; null without one.',
      CONFORMANCE.nist,
    ),
    sign_in: SIGN_IN,
    sign_in_lapsed_at: timeOrNull(
      'When it was noticed that `sso_required` cannot be enforced any more, for lack of an active connection or a proven domain; null while it is, and where it is not required.',
      null,
    ),
    version: described(z.number().int(), 'One more at each change; 0 for the default policy.', 3),
    since: timeOrNull(
      'When the demand began or was last tightened; null without a demand.',
      '2030-06-01T12:00:00.000Z',
    ),
    updated_at: timeOrNull(
      'When the policy was last changed; null for the default policy.',
      '2030-06-01T12:00:00.000Z',
    ),
  })
  .meta({ id: 'SecurityPolicy' })

export const securityPolicyView = (policy: StoredPolicy): z.infer<typeof SecurityPolicyView> => {
  const [first, ...more] = policy.notifyDaysBefore
  return {
    mode: policy.mode,
    grace_days: policy.graceDays,
    notify_days_before: first !== undefined && more.length === 0 ? first : [...policy.notifyDaysBefore],
    allowed_methods: [...policy.allowedMethods],
    session_absolute: policy.sessionAbsolute === null ? null : durationText(policy.sessionAbsolute),
    password_profile: policy.passwordProfile,
    password_conformance: policy.passwordProfile === null ? null : CONFORMANCE[policy.passwordProfile],
    sign_in: policy.signIn,
    sign_in_lapsed_at: policy.ssoLapsedAt?.toISOString() ?? null,
    version: policy.version,
    since: policy.since?.toISOString() ?? null,
    updated_at: policy.updatedAt?.toISOString() ?? null,
  }
}

const count = (description: string, example: number) => described(z.number().int(), description, example)

const States = z.object({
  not_applicable: count('Members of whom nothing is demanded.', 0),
  pending: count('Members who have not signed in since the demand began.', 0),
  in_grace: count('Members who still have days of grace.', 38),
  compliant: count('Members with a factor that satisfies the demand.', 370),
  past_due: count('Members whose days of grace have ended.', 0),
  suspended: count('Of those, members who were stopped since.', 0),
})

export const PolicyEffectView = z
  .object({
    members: count('The active members.', 412),
    exempt: count('Members whose override is `exempt`.', 4),
    compliant: count('Members who satisfy the demand already.', 370),
    must_enrol: count('Members who would have to set up a factor.', 38),
    loses_session: count('Members with a session that would stop acting in the organization at once.', 0),
    due_at: timeOrNull(
      'The earliest date by which one of them has to; null if no member has to.',
      EXAMPLE_LATER,
    ),
    states: States.describe('The members by their state under the policy that was sent.'),
    states_now: States.describe('The members by their state under the policy in force.'),
    sso: z
      .object({
        connections: textList('The names of the connections by which members can sign in.', 'Okta'),
        must_connect: count(
          'Members who have not signed in by one of them yet, nor connected an account there.',
          12,
        ),
        other_address: count(
          'Of those, members without a verified address at a proven domain: they first connect an account at `/account/connected`.',
          2,
        ),
        owners: count(
          'The owners, who may sign in with a password or passkey and a second factor instead.',
          2,
        ),
        owners_without_factor: count(
          'Owners who could not now, because they have no second factor that was set up 24 hours ago or earlier.',
          0,
        ),
        owners_waiting: count('Of those, owners who set up a second factor less than 24 hours ago.', 0),
        owners_ready_at: timeOrNull('When the last of these could; null if there is none.', EXAMPLE_LATER),
      })
      .nullable()
      .describe('What `sso_required` means for the members; null for a policy without it.'),
  })
  .meta({ id: 'SecurityPolicyEffect' })

const statesView = ({ states }: EffectRow): z.infer<typeof States> => ({
  not_applicable: 0,
  pending: 0,
  in_grace: 0,
  compliant: 0,
  past_due: 0,
  suspended: 0,
  ...states,
})

export const policyEffectView = ({ before, after, sso }: Effect): z.infer<typeof PolicyEffectView> => ({
  members: after.members,
  exempt: after.exempt,
  compliant: after.compliant,
  must_enrol: after.must_enrol,
  loses_session: after.loses_session,
  due_at: after.due_at?.toISOString() ?? null,
  states: statesView(after),
  states_now: statesView(before),
  sso: sso && {
    connections: [...sso.connections],
    must_connect: sso.must_connect,
    other_address: sso.other_address,
    owners: sso.owners,
    owners_without_factor: sso.owners_without_factor,
    owners_waiting: sso.owners_waiting,
    owners_ready_at: sso.owners_ready_at?.toISOString() ?? null,
  },
})

export const ComplianceSummaryView = z
  .object({
    members: count('The active members.', 412),
    states: States.describe('The members by their state.'),
  })
  .meta({ id: 'MfaComplianceSummary' })

export const complianceSummaryView = (effect: EffectRow): z.infer<typeof ComplianceSummaryView> => ({
  members: effect.members,
  states: statesView(effect),
})

export const StateField = z.enum(COMPLIANCE_STATES)
const STATE = StateField.meta({
  description:
    '`not_applicable`: nothing is demanded; `pending`: has not signed in since the demand began; `in_grace`; `compliant`; `past_due`: the days of grace have ended; `suspended`: past due, and was stopped.',
  samples: ['in_grace'],
})

export const ComplianceView = z
  .object({
    user: z
      .object({
        id: idField('usr', 'The user.'),
        username: textOrNull('The username; null for none.', 'ada'),
        full_name: textOrNull('The name of the person; null if it is not known.', 'Ada Lovelace'),
        email: textField('The e-mail address.', 'ada@example.com'),
      })
      .describe('Who the member is.'),
    state: STATE,
    methods: textList('The second factors that the member has: `totp`, `passkey`.', 'totp'),
    due_at: timeOrNull('By when the member has to set up a factor; null without a demand.', EXAMPLE_LATER),
    mfa: z
      .enum(MEMBER_MFA)
      .meta({ description: 'The override of the policy for this member.', samples: ['inherit'] }),
  })
  .meta({ id: 'MfaCompliance' })
export type ComplianceView = z.infer<typeof ComplianceView>

export const complianceView = (row: ComplianceRow): ComplianceView => ({
  user: { id: row.user_id, username: row.username, full_name: row.full_name, email: row.email },
  state: row.state,
  methods: row.factors,
  due_at: row.due_at?.toISOString() ?? null,
  mfa: row.mfa,
})

const CSV_HEAD = csvLine(['user_id', 'username', 'full_name', 'email', 'state', 'methods', 'due_at', 'mfa'])

/** Members as CSV; with `hasHead`, the line of the columns before them. */
export const complianceCsv = (members: readonly ComplianceView[], hasHead = false): string =>
  members.reduce(
    (text, { user, state, methods, due_at, mfa }) =>
      text +
      csvLine([user.id, user.username, user.full_name, user.email, state, methods.join(' '), due_at, mfa]),
    hasHead ? CSV_HEAD : '',
  )

export const OwnComplianceView = z
  .object({
    state: STATE,
    due_at: timeOrNull('By when something has to be set up; null if nothing is demanded.', EXAMPLE_LATER),
    organizations: z
      .array(
        z.object({
          id: idField('org', 'The organization.'),
          name: textField('The name of the organization.', 'Analytical Engines'),
          is_active: flagField('Whether the credential of this request acts in the organization.', true),
          mode: described(
            z.enum(['none', 'require_any', 'require_totp', 'require_passkey']),
            'What the organization demands of you.',
            'require_any',
          ),
          state: STATE,
          due_at: timeOrNull('By when you have to set up a factor; null without a demand.', EXAMPLE_LATER),
          allowed_methods: textList('The methods that answer the demand.', 'totp', 'passkey', 'backup_code'),
        }),
      )
      .describe('Your organizations.'),
  })
  .meta({ id: 'OwnMfaCompliance' })

export const ownComplianceView = (
  own: OwnCompliance,
  activeId: string | null,
): z.infer<typeof OwnComplianceView> => ({
  state: own.state,
  due_at: own.dueAt?.toISOString() ?? null,
  organizations: own.organizations.map((row) => ({
    id: row.id,
    name: row.name,
    is_active: row.id === activeId,
    mode: row.mode,
    state: row.state,
    due_at: row.due_at?.toISOString() ?? null,
    allowed_methods: row.allowed,
  })),
})
