/** An app that a user has allowed, as the JSON API shows it. */
import { z } from 'zod'
import {
  described,
  exampleId,
  flagField,
  idField,
  textField,
  textList,
  textOrNull,
  timeField,
  timeOrNull,
} from '../../../base/described.ts'
import type { Application } from './applications.ts'

const AllowedAt = z
  .object({
    resource: textOrNull(
      'The identifier of the API; null for what this server knows of the user.',
      'https://api.example.com/',
    ),
    scopes: textList('What is allowed there.'),
  })
  .meta({ id: 'AllowedScopes' })

export const ApplicationView = z
  .object({
    id: idField('gnt', 'The access of the app to the account.'),
    client_id: textField('The app, by what it sends as `client_id`.', 'acme-portal-001'),
    name: textField('What users see.', 'Acme Portal'),
    organization_id: textOrNull(
      'The organization that the app belongs to; null: the server.',
      exampleId('org'),
    ),
    first_party: flagField('Whether it is one of the server’s own apps, which need no consent.', false),
    url: textOrNull('The home page of the app; null for none.', 'https://portal.example.com/'),
    allowed: described(
      z.array(AllowedAt),
      'What the user has allowed; empty where nothing had to be allowed.',
    ),
    offline_access: flagField('Whether it keeps its access while the user is away.', true),
    sessions: described(z.number().int(), 'How many open sessions of the user have signed in to it.', 1),
    created_at: timeField('When it got access first.'),
    last_used_at: timeOrNull('When it used its access last, as far as that is known; null: never.'),
  })
  .meta({ id: 'Application' })

export const applicationView = (one: Application): z.input<typeof ApplicationView> => ({
  id: one.id,
  client_id: one.client_id,
  name: one.name,
  organization_id: one.organization_id,
  first_party: one.settings.first_party,
  url: one.settings.client_uri,
  allowed: Object.entries(one.allowed)
    .filter(([resource, scopes]) => resource !== '' || scopes.length > 0)
    .map(([resource, scopes]) => ({ resource: resource === '' ? null : resource, scopes: [...scopes] })),
  offline_access: one.is_offline,
  sessions: one.sessions,
  created_at: one.created_at.toISOString(),
  last_used_at: one.last_used_at?.toISOString() ?? null,
})
