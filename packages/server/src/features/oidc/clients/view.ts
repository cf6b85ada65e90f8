/** The JSON views of clients. */
import { z } from 'zod'
import {
  described,
  EXAMPLE_LATER,
  exampleId,
  idField,
  textField,
  textList,
  textOrNull,
  timeField,
  timeOrNull,
} from '../../../base/described.ts'
import { readClientSettings } from '../../../core/clients/settings.ts'
import type { ShownClient } from './clients.ts'
import { SettingsView } from './fields.ts'
import type { ClientSecretRow } from './sql.ts'

const SecretView = z
  .object({
    id: idField('csec', 'The secret, without its text.'),
    hint: textField('Its first characters, to recognize it by.', 'cs_kPZ0'),
    created_at: timeField('When it was created.'),
    expires_at: timeOrNull('When it expires; null for never.', EXAMPLE_LATER),
    last_used_at: timeOrNull('When the app got a token by it last, to within some seconds; null for never.'),
  })
  .meta({ id: 'OAuthClientSecret' })

export const ClientView = z
  .object({
    client_id: textField('What the app sends as `client_id`.', 'acme-portal-001'),
    organization_id: textOrNull('The organization that it belongs to; null: the server.', exampleId('org')),
    source: described(
      z.enum(['operator', 'organization', 'registration', 'document']),
      'How it came about: created for the server or for an organization, registered by itself, or known by the document at its id.',
      'organization',
    ),
    name: textField('What users see.', 'Acme Portal'),
    status: described(z.enum(['active', 'disabled']), '`disabled`: it gets no tokens.', 'active'),
    settings: described(SettingsView, 'All settings, with the names of RFC 7591.'),
    unreadable: textList(
      'Settings that this version of the server cannot read. With any, the app gets no tokens until it is changed.',
    ),
    secrets: described(z.array(SecretView), 'Its secrets, the oldest first.'),
    created_at: timeField('When it was created.'),
    updated_at: timeField('When it was changed last.'),
    last_used_at: timeOrNull('When it got a token last, to within some seconds; null for never.'),
    expires_at: timeOrNull('When it expires, of apps that registered themselves; null for never.'),
  })
  .meta({ id: 'OAuthClient' })
export type ClientView = z.infer<typeof ClientView>

const ABOUT_SECRET = 'The secret itself. It is in this answer only.'
const EXAMPLE_SECRET = 'cs_kPZ0b6pV5f3V0XgqzH2m1d9s7yT4uQ8wE6rL0aC3nJk'

export const CreatedClientView = ClientView.extend({
  client_secret: textOrNull(`${ABOUT_SECRET} Null for an app that proves itself otherwise.`, EXAMPLE_SECRET),
}).meta({ id: 'CreatedOAuthClient' })

export const CreatedSecretView = SecretView.extend({
  client_secret: textField(ABOUT_SECRET, EXAMPLE_SECRET),
}).meta({ id: 'CreatedOAuthClientSecret' })

const secretView = (row: ClientSecretRow): z.infer<typeof SecretView> => ({
  id: row.id,
  hint: row.hint,
  created_at: row.created_at.toISOString(),
  expires_at: row.expires_at?.toISOString() ?? null,
  last_used_at: row.last_used_at?.toISOString() ?? null,
})

export function clientView({ row, secrets }: ShownClient): ClientView {
  const { settings, unreadable } = readClientSettings(row.settings)
  return {
    client_id: row.id,
    organization_id: row.organization_id,
    source: row.source,
    name: row.name,
    status: unreadable.length > 0 ? 'disabled' : row.status,
    settings,
    unreadable: [...unreadable],
    secrets: secrets.map(secretView),
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
    last_used_at: row.last_used_at?.toISOString() ?? null,
    expires_at: row.expires_at?.toISOString() ?? null,
  }
}

export const createdClientView = (
  shown: ShownClient,
  secret: string | null,
): z.infer<typeof CreatedClientView> => ({ ...clientView(shown), client_secret: secret })

export const createdSecretView = (
  row: ClientSecretRow,
  secret: string,
): z.infer<typeof CreatedSecretView> => ({
  ...secretView(row),
  client_secret: secret,
})
