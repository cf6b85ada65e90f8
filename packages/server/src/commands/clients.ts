/** `clients …`: apps that sign users in here. The rules are the clients feature's; this is input and output. */
import { parseDuration } from '../base/clock.ts'
import type { Tools } from '../core/tools.ts'
import { type ClientView, clientsByOperator } from '../features/oidc/clients/index.ts'
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

const CLIENT = '<client id>'
const ORGANIZATION: Record<'organization', Option> = {
  organization: {
    type: 'string',
    value: '<id|slug>',
    about: 'Of this organization; without it, those of the server',
  },
}
const organizationOf = (args: Args): string | null => stringOf(args, 'organization')

const FIELDS = {
  name: { type: 'string', value: '<name>', about: 'What users see' },
  'redirect-uris': { type: 'string', value: '<uris>', about: 'Where users return to, separated by spaces' },
  'post-logout-redirect-uris': {
    type: 'string',
    value: '<uris>',
    about: 'Where users return to after signing out, separated by spaces',
  },
  type: { type: 'string', value: 'web|native', about: 'native: an app on a device (default web)' },
  auth: {
    type: 'string',
    value: '<method>',
    about:
      'client_secret_basic (default), client_secret_post, private_key_jwt, or none for an app that cannot keep a secret',
  },
  grants: { type: 'string', value: '<grants>', about: 'How it gets tokens, separated by spaces' },
  settings: {
    type: 'string',
    value: '<json>',
    about: 'Further settings, as the API takes them: \'{"first_party":true}\'; null clears one',
  },
} as const satisfies Record<string, Option>

const wordsOf = (args: Args, option: string): string[] | null =>
  stringOf(args, option)?.split(/\s+/).filter(Boolean) ?? null

function settingsOf(args: Args): Record<string, unknown> {
  const named = {
    application_type: stringOf(args, 'type'),
    redirect_uris: wordsOf(args, 'redirect-uris'),
    post_logout_redirect_uris: wordsOf(args, 'post-logout-redirect-uris'),
    token_endpoint_auth_method: stringOf(args, 'auth'),
    grant_types: wordsOf(args, 'grants'),
  }
  const json = stringOf(args, 'settings')
  return {
    ...(json === null ? {} : objectOf(json)),
    ...Object.fromEntries(Object.entries(named).filter(([, value]) => value !== null)),
  }
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

/** The fields of a change that the options name. */
function changeOf(args: Args): Record<string, unknown> {
  const [name, settings] = [stringOf(args, 'name'), settingsOf(args)]
  return { ...(name !== null && { name }), ...(Object.keys(settings).length > 0 && { settings }) }
}

function textOf(one: ClientView): string {
  const { settings } = one
  const secrets = one.secrets.map(({ id, hint, expires_at }): [string, string] => [
    `Secret ${hint}…`,
    `${id}${expires_at === null ? '' : `, expires ${moment(expires_at)}`}`,
  ])
  const rows: [string, string][] = [
    ['Client id', one.client_id],
    ['Status', one.status],
    ['Type', settings.application_type],
    ['Redirect URIs', settings.redirect_uris.join(' ') || 'none'],
    ['Grants', settings.grant_types.join(' ')],
    ['Authentication', settings.token_endpoint_auth_method],
    ['Scopes', settings.scopes?.join(' ') ?? 'those of the server'],
    ['First-party', settings.first_party ? 'yes' : 'no'],
    ...(one.unreadable.length > 0 ? [['Cannot be read', one.unreadable.join(', ')] as [string, string]] : []),
    ...secrets,
    ['Last used', moment(one.last_used_at)],
  ]
  return `${plain(one.name)}\n${pairs(rows.map(([name, value]) => [name, plain(value)]))}`
}

const ONCE = ['The secret is shown only once.']

export const clientsList: Command = {
  name: 'clients list',
  summary: 'List the apps that sign users in here',
  options: ORGANIZATION,
  on: 'tools',
  async run(tools, args) {
    const clients = await clientsByOperator.list(tools, organizationOf(args))
    const rows = clients.map((one) => [
      one.client_id,
      one.name,
      one.status,
      one.settings.token_endpoint_auth_method,
      moment(one.last_used_at),
    ])
    const head = ['CLIENT ID', 'NAME', 'STATUS', 'AUTHENTICATION', 'LAST USED']
    return done({ clients }, rows.length === 0 ? 'There are no apps.' : table(head, rows))
  },
}

export const clientsCreate: Command = {
  name: 'clients create',
  summary: 'Create an app',
  about: 'The secret is printed once: pass it on safely. An app that cannot keep one has --auth none.',
  options: {
    ...ORGANIZATION,
    ...FIELDS,
    id: {
      type: 'string',
      value: '<client id>',
      about: 'The client id (default: a generated one); not for --organization',
    },
  },
  examples: [
    'latchkey clients create --id acme-portal-001 --name "Acme Portal" --redirect-uris https://portal.acme.example/callback',
    'latchkey clients create --name Nightly --grants client_credentials',
  ],
  on: 'tools',
  async prepare(args) {
    if (stringOf(args, 'name') === null) throw new UsageError('--name is missing.')
    settingsOf(args)
    return args
  },
  async run(tools, args) {
    const id = stringOf(args, 'id')
    const { client_secret: secret, ...made } = await clientsByOperator.create(tools, organizationOf(args), {
      name: stringOf(args, 'name') ?? '',
      settings: settingsOf(args),
      ...(id !== null && { client_id: id }),
    })
    const text = secret === null ? textOf(made) : `${textOf(made)}\nSecret: ${secret}`
    return done({ ...made, client_secret: secret }, text, secret === null ? [] : ONCE)
  },
}

/** A command about one client, which prints it as it is afterwards. */
const clientCommand = (
  name: string,
  summary: string,
  run: (tools: Tools, organization: string | null, id: string, args: Args) => Promise<ClientView>,
  more: Pick<Command, 'about' | 'options' | 'examples'> & { prepare?: (args: Args) => Promise<Args> } = {},
): Command => ({
  name,
  summary,
  positionals: [CLIENT],
  ...more,
  options: { ...ORGANIZATION, ...more.options },
  on: 'tools',
  async run(tools, args): Promise<CommandOutcome> {
    const [id = ''] = args.positionals
    const shown = await run(tools, organizationOf(args), id, args)
    return done(shown, textOf(shown))
  },
})

export const clientsShow = clientCommand('clients show', 'Show an app', (tools, organization, id) =>
  clientsByOperator.show(tools, organization, id),
)

export const clientsUpdate = clientCommand(
  'clients update',
  'Change an app',
  (tools, organization, id, args) => clientsByOperator.change(tools, organization, id, changeOf(args)),
  {
    about: 'Changes only what is named, and takes effect at once.',
    options: FIELDS,
    examples: ['latchkey clients update acme-portal-001 --settings \'{"first_party":true}\''],
    async prepare(args) {
      if (Object.keys(changeOf(args)).length === 0) throw new UsageError('Name at least one field to change.')
      return args
    },
  },
)

export const clientsEnable = clientCommand('clients enable', 'Enable an app', (tools, organization, id) =>
  clientsByOperator.change(tools, organization, id, { status: 'active' }),
)

export const clientsDisable = clientCommand(
  'clients disable',
  'Disable an app, and keep its settings',
  (tools, organization, id) => clientsByOperator.change(tools, organization, id, { status: 'disabled' }),
)

export const clientsDelete: Command = {
  name: 'clients delete',
  summary: 'Delete an app with its secrets',
  about: 'It gets no tokens from then on. `disable` stops it for a while.',
  positionals: [CLIENT],
  options: { ...ORGANIZATION, yes: { type: 'boolean', about: 'Confirm the deletion' } },
  on: 'tools',
  async prepare(args) {
    if (args.values.yes === true) return args
    throw new UsageError('No user can sign in to a deleted app. Confirm with --yes.')
  },
  async run(tools, args) {
    const [id = ''] = args.positionals
    const deleted = await clientsByOperator.remove(tools, organizationOf(args), id)
    return done(deleted, `${plain(deleted.name)} (${plain(id)}) is deleted.`)
  },
}

export const clientsSecretAdd: Command = {
  name: 'clients secret add',
  summary: 'Create a further secret of an app',
  about: 'It is printed once. Give it to the app, then remove the secret before.',
  positionals: [CLIENT],
  options: {
    ...ORGANIZATION,
    expires: {
      type: 'string',
      value: '<duration>',
      about: 'How long it is valid, such as 90d (default: always)',
    },
  },
  on: 'tools',
  async prepare(args) {
    const expires = stringOf(args, 'expires')
    if (expires !== null && !parseDuration(expires))
      throw new UsageError('--expires takes a duration such as 90d or 12h.')
    return args
  },
  async run(tools, args) {
    const [id = ''] = args.positionals
    const expires = stringOf(args, 'expires')
    const lifetime = expires === null ? null : (parseDuration(expires) ?? null)
    const made = await clientsByOperator.createSecret(tools, organizationOf(args), id, lifetime)
    const expiry = made.expires_at === null ? '' : ` It expires ${moment(made.expires_at)}.`
    return done(made, `Created ${made.id}.${expiry}\nSecret: ${made.client_secret}`, ONCE)
  },
}

export const clientsSecretRemove: Command = {
  name: 'clients secret remove',
  summary: 'Delete a secret of an app',
  about: 'It is refused from then on.',
  positionals: [CLIENT, '<secret id>'],
  options: ORGANIZATION,
  on: 'tools',
  async run(tools, args) {
    const [id = '', secretId = ''] = args.positionals
    await clientsByOperator.deleteSecret(tools, organizationOf(args), id, secretId)
    return done({ client_id: id, id: secretId }, `${plain(secretId)} is deleted.`)
  },
}
