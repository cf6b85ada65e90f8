/** Input fields and JSON views of organizations' domains. */
import { z } from 'zod'
import {
  described,
  EXAMPLE_TIME,
  exampleId,
  idField,
  idInput,
  textField,
  textList,
  timeField,
  timeOrNull,
} from '../../../base/described.ts'
import { canonicalDomain, LONGEST_DOMAIN } from '../../../base/domain-names.ts'
import { DNS_FAULTS } from '../../../base/outbound/dns.ts'
import { CHALLENGE, challengeOf } from './domains.ts'
import type { DomainRow } from './sql.ts'
import type { CheckOutcome } from './tables.ts'

/** The record's name has to be a name as well. */
const LONGEST = LONGEST_DOMAIN - CHALLENGE.length - 1

export const DomainId = idInput('dom', 'The domain.')

/** A domain in any spelling; its canonical one. */
export const DomainField = z
  .string()
  .max(1000)
  .transform((text, context) => {
    const domain = canonicalDomain(text)
    if (domain !== null && domain.length <= LONGEST) return domain
    context.addIssue({
      code: 'custom',
      message: 'Use a domain such as example.com, without an address, a wildcard or a path.',
      params: { code: 'domain' },
    })
    return z.NEVER
  })
  .meta({
    description: `A domain of at most ${LONGEST} characters, in any spelling: letters of other scripts become their \`xn--\` form. Not a public suffix, not the domain of a mail provider.`,
    samples: ['example.com'],
  })

export const ConnectionField = described(
  z.string().max(64).nullable(),
  'The connection by which people of the domain sign in; null: the organization’s first active one. Form: `con_…`.',
  null,
)

const CHECK_OUTCOMES = [
  'verified',
  'not_found',
  'other_values',
  'no_answer',
  'taken',
] as const satisfies readonly CheckOutcome[]
const OUTCOMES =
  '`verified`: the value was found; `not_found`: there is no TXT record; `other_values`: there are only others; `no_answer`: the name servers did not answer; `taken`: the value was found, and another organization has verified the domain before.'
const outcomeField = described(z.enum(CHECK_OUTCOMES), `What was found. ${OUTCOMES}`, 'other_values')

export const DomainView = z
  .object({
    id: idField('dom', 'The domain.'),
    domain: textField('The domain in its canonical spelling.', 'example.com'),
    status: described(
      z.enum(['pending', 'verified']),
      'Whether the organization has proven the domain. It stays verified when a later check fails.',
      'pending',
    ),
    dns: described(
      z.object({
        type: described(z.literal('TXT'), 'The type of the record.', 'TXT'),
        host: textField('Its name inside the zone of the domain, as most DNS panels want it.', CHALLENGE),
        name: textField('Its full name.', `${CHALLENGE}.example.com`),
        value: textField('Its value.', 'latchkey-verify=7f4a1f0c5b9d4f2e8a6c3b1d0e9f8a7b6c5d4e3f'),
      }),
      'The record that proves the domain. Keep it published: it is checked every day.',
    ),
    check: described(
      z
        .object({
          checked_at: timeField('When the check ran.'),
          outcome: outcomeField,
          found: textList('The values that are published, up to 10.', 'latchkey-verify=0000'),
          fault: described(
            z.enum(DNS_FAULTS).nullable(),
            'Why there was no answer; null where there was one.',
            null,
          ),
        })
        .nullable(),
      'The last check; null before the first one.',
    ),
    warning: described(
      z
        .object({
          since: timeField('Since when the checks fail.'),
          outcome: outcomeField,
        })
        .nullable(),
      'The checks of a verified domain fail. Nothing changes, except that its owners get an e-mail. Null otherwise.',
      null,
    ),
    connection_id: ConnectionField,
    added_by: described(
      z.string().nullable(),
      'The user who added it, and who answers for the roles of sign-ins by its addresses. Null if the account is deleted: then they give no role beyond `member`. Form: `usr_…`.',
      exampleId('usr'),
    ),
    created_at: timeField('When it was added.'),
    verified_at: timeOrNull('When it was verified; null: it is not.', EXAMPLE_TIME),
  })
  .meta({ id: 'OrganizationDomain' })

/** The outcome of the last check; null before the first one. */
export const checkOf = ({
  checked_at,
  outcome,
  found,
  fault,
}: DomainRow): {
  checkedAt: Date
  outcome: CheckOutcome
  found: string[]
  fault: DomainRow['fault']
} | null =>
  checked_at === null || outcome === null ? null : { checkedAt: checked_at, outcome, found, fault }

export const domainView = (row: DomainRow): z.infer<typeof DomainView> => {
  const check = checkOf(row)
  return {
    id: row.id,
    domain: row.domain,
    status: row.verified_at === null ? 'pending' : 'verified',
    dns: challengeOf(row),
    check: check && {
      checked_at: check.checkedAt.toISOString(),
      outcome: check.outcome,
      found: [...check.found],
      fault: check.fault,
    },
    warning:
      row.failing_since === null || check === null
        ? null
        : { since: row.failing_since.toISOString(), outcome: check.outcome },
    connection_id: row.connection_id,
    added_by: row.added_by,
    created_at: row.created_at.toISOString(),
    verified_at: row.verified_at?.toISOString() ?? null,
  }
}
