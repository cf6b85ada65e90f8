/** The JSON API of routing by domain. */
import { z } from 'zod'
import { described, exampleId, textField } from '../../../base/described.ts'
import { type Row, route } from '../../../base/http/row/route.ts'
import { Identifier } from '../../../base/identifiers.ts'
import { authorizePath } from '../../../core/connection-buttons.tsx'
import type { Tools } from '../../../core/tools.ts'
import { routingOperations } from './operations.ts'
import { findRoute } from './route-of.ts'

const RouteView = z.object({
  provider: textField('The `provider` of `GET auth/external/:provider/authorize`.', exampleId('con')),
  name: textField('The name of the connection.', 'Acme Okta'),
  organization: described(
    z.object({
      id: textField('The id of the organization.', exampleId('org')),
      name: textField('What the organization is called.', 'Acme'),
    }),
    'The organization that has proven the domain.',
    { id: exampleId('org'), name: 'Acme' },
  ),
  required: described(
    z.boolean(),
    'Whether the organization requires its members to sign in with it. Otherwise the user may choose.',
    true,
  ),
  authorize_url: textField(
    'Where a browser begins to sign in with it; an app adds `return_to`.',
    `https://id.example.com/api/v1/auth/external/${exampleId('con')}/authorize?login_hint=ada%40example.com`,
  ),
})

export const routingRoutes = ({ config, db }: Pick<Tools, 'config' | 'db'>): Row[] => [
  route({
    of: routingOperations.discover,
    method: 'POST',
    path: '/api/v1/auth/external/discover',
    description:
      'For forms that begin with the address alone. `data` is null for a username, and for a domain that no organization has proven or has an active connection for. The answer depends on the domain alone, and tells nothing about accounts.',
    tag: 'Identity providers',
    input: z.object({ identifier: Identifier }),
    output: RouteView.nullable(),
    message: 'This domain signs in with an identity provider.',
    run: async (_call, { identifier }) => {
      const found = await findRoute(db.hot, identifier)
      if (!found) return { data: null, message: 'No identity provider is set up for this domain.' }
      const { slug, name, organization, isRequired } = found
      const authorize_url = `${config.publicUrl}${authorizePath(slug, { login_hint: identifier })}`
      return { data: { provider: slug, name, organization, required: isRequired, authorize_url } }
    },
  }),
]
