/** `organizations …`: security policies and compliance. The rules are the policy feature's; this is input and output. */
import {
  COMPLIANCE_STATES,
  complianceCsv,
  type PolicyByOperator,
  reportComplianceByOperator,
  setPolicyByOperator,
  showPolicyByOperator,
} from '../features/organizations/policy/index.ts'
import { type Args, type Command, done, stringOf, UsageError } from './command.ts'
import { moment, table } from './terminal.ts'

const ORGANIZATION = ['<id|slug>']

const textOf = ({ organization, policy, effect }: PolicyByOperator): string => {
  const rows = Object.entries(policy).map(([name, value]) => [
    name,
    Array.isArray(value) ? value.join(' ') : (value ?? '').toString(),
  ])
  const states = Object.entries(effect.states).map(([state, count]) => `${count} ${state}`)
  return `${organization.name} (${organization.id})\n${table(['FIELD', 'VALUE'], rows)}\nMembers: ${effect.members}${states.length > 0 ? ` (${states.join(', ')})` : ''}`
}

export const policyShow: Command = {
  name: 'organizations policy show',
  summary: 'Show the security policy of an organization',
  positionals: ORGANIZATION,
  on: 'tools',
  async run(tools, args) {
    const shown = await showPolicyByOperator(tools, args.positionals[0] ?? '')
    return done(shown, textOf(shown))
  },
}

/** The options by their field of the API; `none` clears a field that may be empty. */
const FIELDS = {
  mode: 'mode',
  'grace-days': 'grace_days',
  'notify-days-before': 'notify_days_before',
  'allowed-methods': 'allowed_methods',
  'session-absolute': 'session_absolute',
  'password-profile': 'password_profile',
} as const

function fieldsOf(args: Args): Record<string, unknown> {
  const sent = Object.entries(FIELDS).flatMap(([option, field]) => {
    const text = stringOf(args, option)
    return text === null ? [] : [[field, typedValue(field, text)] as const]
  })
  if (sent.length === 0) throw new UsageError('Name at least one field to change.')
  return Object.fromEntries(sent)
}

function typedValue(field: string, text: string): unknown {
  if (field === 'grace_days') return Number(text)
  if (field === 'notify_days_before') return text === '' ? [] : text.split(',').map(Number)
  if (field === 'allowed_methods') return text.split(',')
  return text === 'none' ? null : text
}

export const policySet: Command = {
  name: 'organizations policy set',
  summary: 'Change the security policy of an organization',
  about: 'Changes only the fields that are named. Members who need a second factor are informed by e-mail.',
  positionals: ORGANIZATION,
  options: {
    mode: {
      type: 'string',
      value: '<mode>',
      about: 'disabled, optional, require_any, require_totp or require_passkey',
    },
    'grace-days': { type: 'string', value: '<n>', about: 'Days that members have to set up a factor' },
    'notify-days-before': {
      type: 'string',
      value: '<n,n>',
      about: 'Days before the due date with a reminder',
    },
    'allowed-methods': {
      type: 'string',
      value: '<methods>',
      about: 'Of totp, passkey, backup_code and remembered_device, separated by commas',
    },
    'session-absolute': {
      type: 'string',
      value: '<duration>',
      about: 'How long after its sign-in a session may act in the organization: 8h; none for no limit',
    },
    'password-profile': {
      type: 'string',
      value: '<profile>',
      about: 'nist, classic, pci or custom; none for that of the server alone',
    },
  },
  examples: ['latchkey organizations policy set acme --mode require_any --grace-days 14'],
  on: 'tools',
  prepare: async (args) => {
    fieldsOf(args)
    return args
  },
  async run(tools, args) {
    const changed = await setPolicyByOperator(tools, args.positionals[0] ?? '', fieldsOf(args))
    return done(changed, textOf(changed))
  },
}

export const organizationsCompliance: Command = {
  name: 'organizations compliance',
  summary: 'List which members comply with the security policy',
  positionals: ORGANIZATION,
  options: {
    state: {
      type: 'string',
      value: '<state>',
      about: `Only members in a state: ${COMPLIANCE_STATES.join(', ')}`,
    },
    csv: { type: 'boolean', about: 'Print CSV' },
  },
  examples: ['latchkey organizations compliance acme --state past_due --csv'],
  on: 'tools',
  prepare: async (args) => {
    stateOf(args)
    return args
  },
  async run(tools, args) {
    const report = await reportComplianceByOperator(tools, args.positionals[0] ?? '', stateOf(args))
    const { organization, members } = report
    if (args.values.csv === true) return done(report, complianceCsv(members, true).trimEnd())
    const rows = members.map(({ user, state, methods, due_at, mfa }) => [
      user.email,
      state,
      methods.join(' '),
      moment(due_at),
      mfa,
    ])
    const text =
      rows.length === 0
        ? `${organization.name} has no such members.`
        : table(['EMAIL', 'STATE', 'METHODS', 'DUE', 'OVERRIDE'], rows)
    return done(report, text)
  },
}

function stateOf(args: Args): (typeof COMPLIANCE_STATES)[number] | null {
  const wanted = stringOf(args, 'state')
  if (wanted === null) return null
  const state = COMPLIANCE_STATES.find((one) => one === wanted)
  if (state === undefined) throw new UsageError(`--state takes ${COMPLIANCE_STATES.join(', ')}.`)
  return state
}
