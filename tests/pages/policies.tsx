/** Fixtures: the hosted pages of security policies with plausible contents, for samples.tsx. */
import type { VNode } from 'preact'
import type { Shell } from '../../packages/server/src/features/organizations/frame/index.ts'
import type {
  ComplianceRow,
  EffectRow,
} from '../../packages/server/src/features/organizations/policy/members-sql.ts'
import {
  COMPLIANCE_STATES,
  DEFAULT_POLICY,
} from '../../packages/server/src/features/organizations/policy/policy.ts'
import { Review, SecurityPolicy } from '../../packages/server/src/features/organizations/policy/views.tsx'

export function policyPages(shell: Shell, reader: Shell, now: Date): Record<string, VNode> {
  const policy = { ...DEFAULT_POLICY, version: 0, since: null, ssoLapsedAt: null, updatedAt: null }
  const required = {
    ...policy,
    mode: 'require_any' as const,
    version: 3,
    since: now,
    sessionAbsolute: 43_200,
  }
  const members = COMPLIANCE_STATES.map(
    (state, n): ComplianceRow => ({
      user_id: `usr_${n}`,
      username: `member${n}`,
      full_name: n === 0 ? null : reader.name,
      email: `member${n}@example.com`,
      mfa: 'inherit',
      factors: state === 'compliant' ? ['totp'] : [],
      state,
      due_at: state === 'not_applicable' ? null : now,
    }),
  )
  const effect = {
    members: 412,
    exempt: 4,
    compliant: 370,
    must_enrol: 38,
    loses_session: 2,
    due_at: new Date(now.getTime() + 14 * 86_400_000),
    states: { not_applicable: 4, compliant: 370, in_grace: 1, pending: 37 },
  }
  const reviewed = (over: Partial<EffectRow> = {}) => ({
    after: { ...effect, ...over },
    sso: null,
    changesSignIn: false,
  })
  const sso = {
    members: 412,
    connections: ['Entra ID', 'Okta'],
    must_connect: 38,
    other_address: 2,
    owners: 3,
    owners_without_factor: 2,
    owners_waiting: 1,
    owners_ready_at: new Date(now.getTime() + 3_600_000),
  }
  const listed = { members, counts: effect, state: 'in_grace' as const, more: '/x', first: '/y' }
  const sent = { mode: 'require_any', grace_days: '14', version: '3' }
  return {
    security: <SecurityPolicy shell={shell} policy={required} mayChange {...listed} />,
    'security-refused': (
      <SecurityPolicy
        shell={shell}
        policy={policy}
        mayChange
        {...listed}
        typed={{ mode: 'require_totp', grace_days: '400', notify_days_before: '7' }}
        errors={{ grace_days: 'No.', allow_totp: 'No.' }}
        alert="No."
      />
    ),
    'security-read-only': (
      <SecurityPolicy
        shell={reader}
        policy={required}
        mayChange={false}
        {...listed}
        members={[]}
        state={null}
      />
    ),
    'security-review': <Review shell={shell} sent={sent} effect={reviewed()} now={now} />,
    'security-review-sso': (
      <Review
        shell={shell}
        sent={sent}
        effect={{ ...reviewed({ must_enrol: 0 }), sso, changesSignIn: true }}
        now={now}
      />
    ),
    'security-review-sso-owner': (
      <Review
        shell={shell}
        sent={sent}
        effect={{
          ...reviewed(),
          sso: {
            ...sso,
            must_connect: 1,
            other_address: 1,
            owners_without_factor: 3,
            owners_waiting: 0,
            owners_ready_at: null,
          },
          changesSignIn: true,
        }}
        now={now}
      />
    ),
    'security-review-any': (
      <Review
        shell={shell}
        sent={sent}
        effect={{ ...reviewed({ must_enrol: 0, loses_session: 0 }), changesSignIn: true }}
        now={now}
      />
    ),
    'security-review-at-once': (
      <Review shell={reader} sent={sent} effect={reviewed({ must_enrol: 1, due_at: now })} now={now} />
    ),
    'security-review-none': (
      <Review
        shell={shell}
        sent={sent}
        effect={reviewed({ must_enrol: 0, loses_session: 0, due_at: null })}
        now={now}
      />
    ),
  }
}
