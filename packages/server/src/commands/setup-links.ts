/** `connections setup-link …`: links with which people without an account set up an organization's sign-in. */
import { setupLinksByOperator } from '../features/organizations/setup-links/index.ts'
import { type Args, type Command, done, type Option, stringOf, UsageError } from './command.ts'
import { moment, pairs, table } from './terminal.ts'

const ORGANIZATION: Record<'organization', Option> = {
  organization: { type: 'string', value: '<id|slug>', about: 'The organization that is set up (required)' },
}

function organizationOf(args: Args): string {
  const named = stringOf(args, 'organization')
  if (named === null) throw new UsageError('--organization is missing.')
  return named
}

const FIELDS = {
  intent: { type: 'string', value: '<intent>', about: 'connection, domain or both (default)' },
  provider: {
    type: 'string',
    value: '<provider>',
    about: 'entra, okta, google, keycloak, oidc or saml; without it the reader chooses',
  },
  email: { type: 'string', value: '<address>', about: 'Send the link there' },
  locale: { type: 'string', value: '<locale>', about: 'The language of the e-mail: en (default) or de' },
} as const satisfies Record<string, Option>

/** The fields of the API that the options name. */
function fieldsOf(args: Args): Record<string, unknown> {
  const named = Object.keys(FIELDS).map((name) => [name, stringOf(args, name)] as const)
  const days = stringOf(args, 'days')
  if (days !== null && !/^[1-7]$/.test(days)) throw new UsageError('--days takes a number from 1 to 7.')
  return {
    ...Object.fromEntries(named.filter(([, value]) => value !== null)),
    ...(days !== null && { expires_in: Number(days) * 86_400 }),
  }
}

export const setupLinkCreate: Command = {
  name: 'connections setup-link create',
  summary: 'Create a set-up link for the IT of an organization',
  about:
    'With the link, people without an account set up the connection and the domains of the organization. It works in the name of an owner, while that owner may change connections. It is printed once.',
  options: {
    ...ORGANIZATION,
    ...FIELDS,
    days: { type: 'string', value: '<1-7>', about: 'How long it works (default: 7)' },
    owner: {
      type: 'string',
      value: '<id|address>',
      about: 'The owner in whose name it works (default: the first one)',
    },
  },
  examples: [
    'latchkey connections setup-link create --organization acme',
    'latchkey connections setup-link create --organization acme --provider entra --email it@acme.example --locale de',
  ],
  on: 'tools',
  async run(tools, args) {
    const owner = stringOf(args, 'owner')
    const made = await setupLinksByOperator.issue(tools, organizationOf(args), owner, fieldsOf(args))
    const rows = [
      ['Id', made.id],
      ['Sets up', made.intent],
      ['Provider', made.provider ?? 'the reader chooses'],
      ['Works until', moment(made.expires_at)],
    ] as const
    return done(made, `${made.url}\n${pairs(rows)}`)
  },
}

export const setupLinkList: Command = {
  name: 'connections setup-link list',
  summary: 'List the open set-up links of an organization',
  options: ORGANIZATION,
  on: 'tools',
  async run(tools, args) {
    const links = await setupLinksByOperator.list(tools, organizationOf(args))
    const rows = links.map((one) => [
      one.id,
      one.intent,
      one.provider ?? 'any',
      one.state,
      one.made_by,
      moment(one.last_used_at),
      moment(one.expires_at),
    ])
    const head = ['ID', 'SETS UP', 'PROVIDER', 'STATE', 'MADE BY', 'LAST USED', 'WORKS UNTIL']
    return done({ links }, rows.length === 0 ? 'There are no open set-up links.' : table(head, rows))
  },
}

export const setupLinkRevoke: Command = {
  name: 'connections setup-link revoke',
  summary: 'Revoke a set-up link',
  about: 'It stops working at once. What was set up with it stays.',
  positionals: ['<id>'],
  options: ORGANIZATION,
  on: 'tools',
  async run(tools, args) {
    const revoked = await setupLinksByOperator.revoke(tools, organizationOf(args), args.positionals[0] ?? '')
    return done(revoked, `${revoked.id} is revoked.`)
  },
}
