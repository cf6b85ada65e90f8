/** `connections …`: connections to identity providers. The rules are the connections feature's; this is input and output. */
import { readFileSync } from 'node:fs'
import type { Tools } from '../core/tools.ts'
import {
  type ConnectionView,
  changeConnectionByOperator,
  connectionActionsByOperator,
  createConnectionByOperator,
  listConnectionEventsByOperator,
  listConnectionsByOperator,
  showConnectionByOperator,
} from '../features/organizations/connections/index.ts'
import {
  type Args,
  type Command,
  type CommandOutcome,
  done,
  type Option,
  stringOf,
  UsageError,
} from './command.ts'
import { moment, pairs, plain, table } from './terminal.ts'

const CONNECTION = '<id|slug>'
export const ORGANIZATION: Record<'organization', Option> = {
  organization: {
    type: 'string',
    value: '<id|slug>',
    about: 'Of this organization; without it, the server-wide ones',
  },
}
const organizationOf = (args: Args): string | null => stringOf(args, 'organization')

/** The settings that have an option; all others are sent with `--settings`. */
const SETTINGS = { issuer: 'issuer', 'base-url': 'base_url', tenant: 'tenant' } as const

const FIELDS = {
  name: { type: 'string', value: '<name>', about: 'What users see on the button' },
  'client-id': { type: 'string', value: '<id>', about: 'What the provider knows this server by' },
  'secret-stdin': { type: 'boolean', about: 'Read the client secret from standard input' },
  'secret-file': {
    type: 'string',
    value: '<path>',
    about: 'Read the client secret, or of Apple the private key, from a file',
  },
  issuer: { type: 'string', value: '<url>', about: 'OpenID Connect: the issuer' },
  'base-url': { type: 'string', value: '<url>', about: 'A self-hosted GitHub or GitLab' },
  tenant: {
    type: 'string',
    value: '<tenant>',
    about: 'Microsoft: common, organizations, consumers or an id',
  },
  metadata: {
    type: 'string',
    value: '<file|->',
    about: 'SAML: read the metadata of the identity provider from an XML file, or from standard input',
  },
  settings: {
    type: 'string',
    value: '<json>',
    about: 'Further settings, as the API takes them: \'{"scopes":["groups"]}\'; null clears one',
  },
} as const satisfies Record<string, Option>

type Prepare = NonNullable<Extract<Command, { on: 'tools' }>['prepare']>

/** Adds what is read from files and from standard input. */
const withDocuments: Prepare = async (args, terminal) => {
  const path = stringOf(args, 'metadata')
  if (path === '-' && args.values['secret-stdin'] === true)
    throw new UsageError('Read the metadata or the secret from standard input, not both.')
  const prepared = await withSecret(args, terminal)
  if (path === null) return prepared
  const metadata = path === '-' ? await terminal.readStdin() : fileText(path)
  if (metadata.trim() === '') throw new UsageError('The metadata is empty.')
  return { ...prepared, values: { ...prepared.values, metadata_xml: metadata } }
}

/** Adds the secret to the arguments: it is never an argument itself, which other users of the machine could read. */
const withSecret: Prepare = async (args, terminal) => {
  settingsOf(args)
  const path = stringOf(args, 'secret-file')
  const isFromStdin = args.values['secret-stdin'] === true
  if (path !== null && isFromStdin) throw new UsageError('Use --secret-stdin or --secret-file, not both.')
  if (path === null && !isFromStdin) return args
  const secret = (path === null ? await terminal.readStdin() : fileText(path)).trim()
  if (secret === '') throw new UsageError('The client secret is empty.')
  return { ...args, values: { ...args.values, client_secret: secret } }
}

function fileText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new UsageError(`${path} cannot be read (${(error as Error).message}).`)
  }
}

function settingsOf(args: Args): Record<string, unknown> | null {
  const named = Object.entries(SETTINGS).flatMap(([option, setting]) => {
    const value = stringOf(args, option)
    return value === null ? [] : [[setting, value] as const]
  })
  const json = stringOf(args, 'settings')
  if (json === null && named.length === 0) return null
  return { ...(json === null ? {} : objectOf(json)), ...Object.fromEntries(named) }
}

function objectOf(json: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(json)
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed))
      return parsed as Record<string, unknown>
  } catch {
    // reported below
  }
  throw new UsageError('--settings takes a JSON object.')
}

/** The fields of the API that the options name. */
function fieldsOf(args: Args): Record<string, unknown> {
  const settings = settingsOf(args)
  const fields = {
    name: stringOf(args, 'name'),
    client_id: stringOf(args, 'client-id'),
    client_secret: stringOf(args, 'client_secret'),
    settings,
    metadata: stringOf(args, 'metadata_xml'),
  }
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null))
}

function certificateRows({ certificates, metadata }: ConnectionView): (readonly [string, string])[] {
  const rows = (certificates ?? []).map(
    ({ owner, use, state, days_left, not_after, fingerprint }): [string, string] => [
      `Certificate (${owner}, ${use})`,
      `${state}, expires ${moment(not_after)} (${days_left} days), SHA-256 ${fingerprint}`,
    ],
  )
  if (metadata === null) return rows
  const { fault, detail, checked_at } = metadata
  const outcome = fault === null ? '' : `: ${[fault, detail].filter(Boolean).join(', ')}`
  return [...rows, ['Metadata fetched', `${moment(checked_at)}${outcome}`]]
}

const ORIGINS: { readonly [K in ConnectionView['origin']]: string } = {
  environment: 'the environment',
  api: 'an administrator',
  setup_link: 'a set-up link',
}

const needsOf = ({ missing, state }: ConnectionView): string =>
  missing.join(', ') || (state === 'pending' ? 'a verified domain that leads to it' : 'nothing more')

function textOf(one: ConnectionView): string {
  const { saml } = one
  const rows: (readonly [string, string])[] = [
    ['Id', one.id],
    ['Provider', one.provider],
    ['State', one.state],
    ['Needs', needsOf(one)],
    ...(one.client_id === null ? [] : ([['Client', one.client_id]] as const)),
    ...(saml ? [] : ([['Secret', one.has_secret ? 'stored' : 'none']] as const)),
    ['Settings', JSON.stringify(one.settings)],
    ...(one.callback_url === null ? [] : ([['Callback URL', one.callback_url]] as const)),
    ...(saml
      ? ([
          ['Entity id', saml.entity_id],
          ['ACS URL', saml.acs_url],
          ['Sign-on URL', saml.login_url],
          ['Logout URL', saml.logout_url],
        ] as const)
      : []),
    ...certificateRows(one),
    ['Set up by', ORIGINS[one.origin]],
    ['Tested', moment(one.tested_at)],
    ['Version', String(one.version)],
  ]
  return `${plain(one.name)} (${one.slug})\n${pairs(rows.map(([name, value]) => [name, plain(value)]))}`
}

export const connectionsList: Command = {
  name: 'connections list',
  summary: 'List the connections to identity providers',
  options: ORGANIZATION,
  on: 'tools',
  async run(tools, args) {
    const connections = await listConnectionsByOperator(tools, organizationOf(args))
    const rows = connections.map((one) => [
      one.slug,
      one.provider,
      one.name,
      one.state,
      ORIGINS[one.origin],
      moment(one.tested_at),
    ])
    const head = ['SLUG', 'PROVIDER', 'NAME', 'STATE', 'SET UP BY', 'TESTED']
    return done({ connections }, rows.length === 0 ? 'There are no connections.' : table(head, rows))
  },
}

/** A command about one connection, which prints it as it is afterwards. */
const oneCommand = (
  name: string,
  summary: string,
  run: (tools: Tools, organization: string | null, connection: string, args: Args) => Promise<ConnectionView>,
  more: Pick<Command, 'about' | 'options' | 'examples'> & { prepare?: Prepare } = {},
): Command => ({
  name,
  summary,
  positionals: [CONNECTION],
  ...more,
  options: { ...ORGANIZATION, ...more.options },
  on: 'tools',
  async run(tools, args): Promise<CommandOutcome> {
    const [connection = ''] = args.positionals
    const shown = await run(tools, organizationOf(args), connection, args)
    return done(shown, textOf(shown))
  },
})

export const connectionsShow = oneCommand(
  'connections show',
  'Show a connection, and the addresses to register at its provider',
  (tools, organization, name) => showConnectionByOperator(tools, organization, name),
)

export const connectionsCreate: Command = {
  name: 'connections create',
  summary: 'Create a connection to an identity provider',
  about:
    'The connection is a draft until it is enabled. Register the callback URL, or of SAML the addresses, at the provider. The secret is read from standard input or from a file, and is never printed.',
  positionals: ['<provider>'],
  options: {
    ...ORGANIZATION,
    ...FIELDS,
    slug: {
      type: 'string',
      value: '<slug>',
      about: 'Its name in paths (default: the provider); not for --organization',
    },
    enable: { type: 'boolean', about: 'Enable it at once' },
  },
  examples: [
    'pass show google | latchkey connections create google --client-id 123.apps.example --secret-stdin --enable',
    'latchkey connections create saml --organization acme --name Acme --metadata idp-metadata.xml',
    'latchkey connections create oidc --organization acme --issuer https://login.acme.example --client-id latchkey',
  ],
  on: 'tools',
  prepare: withDocuments,
  async run(tools, args) {
    const slug = stringOf(args, 'slug')
    const made = await createConnectionByOperator(tools, organizationOf(args), {
      ...fieldsOf(args),
      provider: args.positionals[0] ?? '',
      ...(slug !== null && { slug }),
      ...(args.values.enable === true && { status: 'active' }),
    })
    return done(made, textOf(made))
  },
}

export const connectionsUpdate = oneCommand(
  'connections update',
  'Change a connection',
  (tools, organization, name, args) => changeConnectionByOperator(tools, organization, name, fieldsOf(args)),
  {
    about: 'Changes only what is named. A change of the client or of the settings makes it untested.',
    options: FIELDS,
    examples: ['latchkey connections update google --secret-file new-secret.txt'],
    async prepare(args, terminal) {
      const prepared = await withDocuments(args, terminal)
      if (Object.keys(fieldsOf(prepared)).length === 0)
        throw new UsageError('Name at least one field to change.')
      return prepared
    },
  },
)

export const connectionsEnable = oneCommand(
  'connections enable',
  'Enable a connection',
  (tools, organization, name) => changeConnectionByOperator(tools, organization, name, { status: 'active' }),
)

const LAPSED = 'It was the last connection of a required sign-in: the requirement has lapsed.'

export const connectionsDisable: Command = {
  name: 'connections disable',
  summary: 'Disable a connection, and keep its settings',
  about:
    'Sessions that it alone has proven end. A required sign-in lapses with the last active connection of its organization, and holds again once one is enabled.',
  positionals: [CONNECTION],
  options: ORGANIZATION,
  on: 'tools',
  async run(tools, args) {
    const [name = ''] = args.positionals
    const disabled = await connectionActionsByOperator.disable(tools, organizationOf(args), name)
    return done(disabled, [textOf(disabled), ...(disabled.requirement_lapsed ? [LAPSED] : [])].join('\n'))
  },
}

export const connectionsRefreshMetadata = oneCommand(
  'connections refresh-metadata',
  'Fetch the metadata of a SAML identity provider now',
  (tools, organization, name) => connectionActionsByOperator.refreshMetadata(tools, organization, name),
)

export const connectionsApproveCertificates = oneCommand(
  'connections approve-certificates',
  'Approve certificates of a SAML identity provider that wait',
  (tools, organization, name, args) =>
    connectionActionsByOperator.approveCertificates(tools, organization, name, fingerprintsOf(args)),
  {
    about:
      'Certificates of metadata that came over http wait for this. `connections show` lists them; compare the fingerprints with the provider first.',
    options: {
      fingerprint: {
        type: 'string',
        value: '<sha256>',
        about: 'Only these, separated by commas (default: all that wait)',
      },
    },
  },
)

function fingerprintsOf(args: Args): string[] | undefined {
  const named = stringOf(args, 'fingerprint')
  if (named === null) return undefined
  const all = named.split(',').map((one) => one.replace(/[\s:]/g, '').toLowerCase())
  if (all.some((one) => !/^[0-9a-f]{64}$/.test(one)))
    throw new UsageError('--fingerprint takes SHA-256 in hexadecimal.')
  return all
}

export const connectionsRotateKeys = oneCommand(
  'connections rotate-keys',
  'Renew the keys of this server for a SAML connection',
  (tools, organization, name, args) =>
    connectionActionsByOperator.rotateKeys(
      tools,
      organization,
      name,
      args.values.activate === true ? 'activate' : 'prepare',
    ),
  {
    about:
      'Publishes new keys in the metadata of the connection. After the identity provider has read it, use them with --activate.',
    options: { activate: { type: 'boolean', about: 'Use the new keys from now on' } },
  },
)

function deletionText({
  name,
  slug,
  has_identities,
  domains,
  leads_to,
  requirement_lapses,
}: Awaited<ReturnType<typeof connectionActionsByOperator.previewDeletion>>): string {
  return [
    `${plain(name)} (${slug}) would be deleted, and nothing was changed.`,
    ...(has_identities ? ['Linked identities could no longer sign in by it.'] : []),
    ...(domains.length === 0
      ? []
      : [`These domains would lead to ${plain(leads_to ?? 'no connection')}: ${domains.join(', ')}.`]),
    ...(requirement_lapses
      ? ['It is the last connection of a required sign-in: the requirement would lapse.']
      : []),
  ].join('\n')
}

export const connectionsDelete: Command = {
  name: 'connections delete',
  summary: 'Delete a connection',
  about:
    'Identities stay linked to their users and can no longer sign in by it, and sessions that it alone has proven end. A required sign-in lapses with the last active connection of its organization. `disable` stops it for a while.',
  positionals: [CONNECTION],
  options: {
    ...ORGANIZATION,
    'dry-run': { type: 'boolean', about: 'Report what ends with it, and delete nothing' },
    yes: { type: 'boolean', about: 'Confirm the deletion' },
  },
  on: 'tools',
  async prepare(args) {
    if (args.values.yes === true || args.values['dry-run'] === true) return args
    throw new UsageError('Deleting a connection ends what it has proven; see --dry-run. Confirm with --yes.')
  },
  async run(tools, args) {
    const [name = ''] = args.positionals
    if (args.values['dry-run'] === true) {
      const preview = await connectionActionsByOperator.previewDeletion(tools, organizationOf(args), name)
      return done({ dry_run: true, ...preview }, deletionText(preview))
    }
    const deleted = await connectionActionsByOperator.delete(tools, organizationOf(args), name)
    const text = `${plain(deleted.name)} (${deleted.slug}) is deleted.`
    return done(deleted, deleted.requirement_lapsed ? `${text}\n${LAPSED}` : text)
  },
}

export const connectionsEvents: Command = {
  name: 'connections events',
  summary: 'List the last sign-ins by a connection, and why they failed',
  about:
    '`asked`: the user decides what the sign-in leads to; what becomes of that is a later line. REQUEST is the reference on the page about a sign-in that failed.',
  positionals: [CONNECTION],
  options: ORGANIZATION,
  on: 'tools',
  async run(tools, args) {
    const [name = ''] = args.positionals
    const events = await listConnectionEventsByOperator(tools, organizationOf(args), name)
    const rows = events.map(({ at, flow, outcome, fault, subject, request_id, message, detail }) => [
      moment(at),
      flow,
      fault ?? outcome,
      subject ?? '',
      request_id ?? '',
      [message, detail].filter(Boolean).join(' '),
    ])
    const head = ['TIME', 'FLOW', 'OUTCOME', 'SUBJECT', 'REQUEST', 'REASON']
    return done({ events }, rows.length === 0 ? 'There are no events.' : table(head, rows))
  },
}
