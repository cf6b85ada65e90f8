/** Input fields and the JSON view of resources. */
import type { Selectable } from 'kysely'
import { z } from 'zod'
import { described, idField, idInput, textField, timeField } from '../../../base/described.ts'
import { Description, line } from '../../../base/fields.ts'
import { AppUrl, ScopeName } from '../../../core/clients/settings.ts'
import type { ResourcesTable } from '../../../core/clients/tables.ts'

export const ResourceId = idInput('res', 'The API.')

const EXAMPLE = 'https://api.example.com/v1'

const Scope = z.object({
  name: described(ScopeName, 'What apps request it by.', 'invoices:read'),
  description: described(
    Description.pipe(z.string().min(1).max(200)),
    'What users read when an app requests it.',
    'Read your invoices',
  ),
})

const Scopes = described(
  z.array(Scope).max(100),
  'The scopes of the API, each once. `openid` and the other scopes of this server belong to no API.',
  [{ name: 'invoices:read', description: 'Read your invoices' }],
)
const Claims = described(
  z.enum(['minimal', 'full']),
  '`full`: access tokens for the API have the organization of the user, and of their permissions those that a scope of the token covers (`invoices:read`, `invoices:*`); their roles where the app has the scope `roles` or is `first_party`. `minimal`: they have `sub` and `scope`.',
  'minimal',
)
const Lifetime = described(
  z.number().int().min(60).max(86_400).nullable(),
  'How long access tokens for the API are valid, in seconds; null: as the app or the server says.',
  600,
)
const Name = described(line(80), 'What users see.', 'Invoices')

export const NewResourceFields = z.object({
  identifier: described(
    AppUrl,
    'What apps send as `resource`, and what access tokens have in `aud`: an https URL without fragment, compared as text (RFC 8707). It never changes.',
    EXAMPLE,
  ),
  name: Name,
  scopes: Scopes.default([]),
  claims: Claims.default('minimal'),
  token_lifetime: Lifetime.default(null),
})

/** Absent ones stay. */
export const ResourceChangeFields = z.object({
  name: Name.optional(),
  scopes: Scopes.optional(),
  claims: Claims.optional(),
  token_lifetime: Lifetime.optional(),
})

export const ResourceView = z
  .object({
    id: idField('res', 'The API.'),
    identifier: textField('What apps send as `resource`, and what access tokens have in `aud`.', EXAMPLE),
    name: textField('What users see.', 'Invoices'),
    scopes: described(
      z.array(
        z.object({
          name: textField('What apps request it by.', 'invoices:read'),
          description: textField('What users read when an app requests it.', 'Read your invoices'),
        }),
      ),
      'The scopes of the API, with what users read.',
      [{ name: 'invoices:read', description: 'Read your invoices' }],
    ),
    claims: Claims,
    token_lifetime: Lifetime,
    created_at: timeField('When it was added.'),
    updated_at: timeField('When it was changed last.'),
  })
  .meta({ id: 'OAuthResource' })

export const resourceView = (row: Selectable<ResourcesTable>): z.infer<typeof ResourceView> => ({
  id: row.id,
  identifier: row.identifier,
  name: row.name,
  scopes: row.scopes,
  claims: row.claims,
  token_lifetime: row.token_lifetime_seconds,
  created_at: row.created_at.toISOString(),
  updated_at: row.updated_at.toISOString(),
})
