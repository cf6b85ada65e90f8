/** The JSON API of security policies and compliance. */
import { z } from 'zod'
import type { Call } from '../../../base/call.ts'
import { PageInput } from '../../../base/cursor.ts'
import { described } from '../../../base/described.ts'
import { optional } from '../../../base/fields.ts'
import { type Download, download, type Row, route } from '../../../base/http/row/route.ts'
import type { Tools } from '../../../core/tools.ts'
import { OneOrganization } from '../membership/index.ts'
import { changePolicy, getPolicy, previewPolicy } from './changes.ts'
import { countCompliance, exportCompliance, getOwnCompliance, listCompliance } from './compliance.ts'
import { policyOperations as of } from './operations.ts'
import { type ComplianceState, DEFAULT_POLICY } from './policy.ts'
import {
  ComplianceSummaryView,
  ComplianceView,
  changeOf,
  complianceCsv,
  complianceSummaryView,
  complianceView,
  OwnComplianceView,
  ownComplianceView,
  PolicyChangeFields,
  PolicyEffectView,
  policyEffectView,
  SecurityPolicyView,
  StateField,
  securityPolicyView,
} from './view.ts'

const tag = 'Security policies'
const ORGANIZATION = '/api/v1/organizations/:id'
const POLICY = `${ORGANIZATION}/security-policy`
const COMPLIANCE = `${ORGANIZATION}/mfa-compliance`

const OneChange = OneOrganization.extend(PolicyChangeFields.shape)
const ByState = optional(StateField).describe('Only members in this state.')

const policyRows = (tools: Tools): Row[] => [
  route({
    of: of.show,
    method: 'GET',
    path: POLICY,
    description:
      'An organization that has never had a policy has the default one, of version 0, which demands nothing.',
    tag,
    input: OneOrganization,
    output: SecurityPolicyView,
    message: 'Security policy retrieved.',
    run: async (call) => ({ data: securityPolicyView(await getPolicy(tools, call)) }),
  }),
  route({
    of: of.change,
    name: 'organizations.security_policy.replace',
    method: 'PUT',
    path: POLICY,
    description:
      'Fields that are not sent get their default. Requires a sign-in within the last 10 minutes. A change that tightens the demand begins the days of grace again; another one lengthens them only by a higher `grace_days`. Access tokens that act in the organization are revoked.',
    tag,
    input: OneChange,
    output: SecurityPolicyView,
    message: 'Security policy changed.',
    run: async (call, { id: _, version, ...input }) => {
      const sent = Object.entries(changeOf(input)).filter(([, value]) => value !== undefined)
      const change = { ...DEFAULT_POLICY, ...Object.fromEntries(sent) }
      return { data: securityPolicyView(await changePolicy(tools, call, change, version)) }
    },
  }),
  route({
    of: of.change,
    name: 'organizations.security_policy.update',
    method: 'PATCH',
    path: POLICY,
    description:
      'Changes only the fields that are sent; null clears `session_absolute` and `password_profile`. Otherwise as the replacement.',
    tag,
    input: OneChange,
    output: SecurityPolicyView,
    message: 'Security policy changed.',
    run: async (call, { id: _, version, ...input }) => ({
      data: securityPolicyView(await changePolicy(tools, call, changeOf(input), version)),
    }),
  }),
  route({
    of: of.preview,
    method: 'POST',
    path: `${POLICY}/preview`,
    description: 'Takes the fields of a change and changes nothing.',
    tag,
    input: OneOrganization.extend(PolicyChangeFields.omit({ version: true }).shape),
    output: PolicyEffectView,
    message: 'Effect of the security policy counted.',
    run: async (call, { id: _, ...input }) => ({
      data: policyEffectView(await previewPolicy(tools, call, changeOf(input))),
    }),
  }),
]

const FORMATS = ['jsonl', 'csv'] as const
const TYPES: Readonly<Record<(typeof FORMATS)[number], string>> = {
  jsonl: 'application/x-ndjson; charset=utf-8',
  csv: 'text/csv; charset=utf-8; header=present',
}
function fileOf(
  tools: Pick<Tools, 'db'>,
  call: Call,
  { format, state }: { format: (typeof FORMATS)[number]; state?: ComplianceState | undefined },
): Download {
  async function* chunks(): AsyncGenerator<string> {
    if (format === 'csv') yield complianceCsv([], true)
    for await (const rows of exportCompliance(tools, call, format, state)) {
      const views = rows.map(complianceView)
      yield format === 'csv'
        ? complianceCsv(views)
        : views
            .map(
              (one) => `${JSON.stringify(one)}
`,
            )
            .join('')
    }
  }
  const day = call.now.toISOString().slice(0, 10)
  return { type: TYPES[format], name: `mfa-compliance-${day}.${format}`, pieces: chunks() }
}

const complianceRows = (tools: Tools): Row[] => [
  route({
    of: of.listCompliance,
    method: 'GET',
    path: COMPLIANCE,
    description:
      'By id. A page of one state may be short or empty although `next_cursor` names a further one. `GET …/mfa-compliance/summary` counts the members of each state.',
    tag,
    input: PageInput.extend({ ...OneOrganization.shape, state: ByState }),
    output: z.array(ComplianceView),
    message: 'Compliance listed.',
    run: async (call, input) => {
      const { page, nextCursor } = await listCompliance(tools, call, input)
      return { data: page.map(complianceView), nextCursor }
    },
  }),
  route({
    of: of.listCompliance,
    name: 'organizations.mfa_compliance.summary',
    method: 'GET',
    path: `${COMPLIANCE}/summary`,
    description: 'Counts all active members of the organization by their state under the policy in force.',
    tag,
    input: OneOrganization,
    output: ComplianceSummaryView,
    message: 'Compliance counted.',
    run: async (call) => ({ data: complianceSummaryView(await countCompliance(tools, call)) }),
  }),
  download({
    of: of.exportCompliance,
    path: `${COMPLIANCE}/export`,
    description:
      'As JSON lines, or as CSV that is safe for spreadsheets, without a limit on the number of members.',
    tag,
    types: Object.values(TYPES),
    input: OneOrganization.extend({
      format: z
        .enum(FORMATS)
        .default('jsonl')
        .describe('The form of the file: `jsonl` has one JSON object a line, `csv` one member a row.'),
      state: ByState,
    }),
    output: described(
      z.string(),
      'The members by id, with the fields of `MfaCompliance`.',
      '{"user":{"id":"usr_0198c0de5a7b7e11b4c2d3e4f5a6b7c8","username":"ada","full_name":null,"email":"ada@example.com"},"state":"compliant","methods":["totp"],"due_at":null,"mfa":"inherit"}\n',
    ),
    run: async (call, input) => fileOf(tools, call, input),
  }),
  route({
    of: of.own,
    method: 'GET',
    path: '/api/v1/users/me/mfa-compliance',
    description: 'The state of the account is the worst of its memberships’.',
    tag,
    input: z.object({}),
    output: OwnComplianceView,
    message: 'Compliance retrieved.',
    run: async (call) => ({
      data: ownComplianceView(await getOwnCompliance(tools, call), call.organization?.id ?? null),
    }),
  }),
]

export const policyRoutes = (tools: Tools): Row[] => [...policyRows(tools), ...complianceRows(tools)]
