/** A connected account, as the JSON API shows it. */
import { z } from 'zod'
import {
  described,
  flagField,
  idField,
  textField,
  textOrNull,
  timeField,
  timeOrNull,
} from '../../../base/described.ts'
import { PROVIDER_IDS } from '../../../core/providers/index.ts'
import type { ConnectedAccount } from './connected.ts'

export const ConnectedView = z.object({
  id: idField('idn', 'The connected account.'),
  provider: textOrNull(
    'Its name in paths, such as that of `DELETE auth/external/:provider/unlink`: of an organization’s connection the id. Null where the connection was deleted; the `id` is a name then.',
    'google',
  ),
  kind: described(
    z.string(),
    `Which provider it is: ${PROVIDER_IDS.map((id) => `\`${id}\``).join(', ')}.`,
    'google',
  ),
  connection: described(
    z
      .object({
        slug: textField('As `provider`.', 'google'),
        name: textField('What people read.', 'Google'),
      })
      .nullable(),
    'The connection by which the account was used last; null where it was deleted.',
  ),
  issuer: textField('Who asserts it: the issuer of the provider.', 'https://accounts.google.com'),
  subject: textField('The account’s identifier at the issuer.', '110248495921238986420'),
  email: textOrNull('The address that the provider has stated; null for none.', 'ada@example.com'),
  email_verified: flagField('Whether the provider’s word makes the address a verified one.', true),
  name: textOrNull('The name that the provider has stated; null for none.', 'Ada King'),
  linked_at: timeField('When it was connected.'),
  last_used_at: timeOrNull('When it last signed in; null: never.'),
  unlink_available: flagField('Whether it can be disconnected: not the last way to sign in.', true),
})

export const connectedView = ({
  identity,
  connection,
  isUnlinkable,
}: ConnectedAccount): z.input<typeof ConnectedView> => ({
  id: identity.id,
  provider: connection?.slug ?? null,
  kind: identity.provider,
  connection: connection && { slug: connection.slug, name: connection.name },
  issuer: identity.issuer,
  subject: identity.subject,
  email: identity.email,
  email_verified: identity.email_verified,
  name: identity.name,
  linked_at: identity.linked_at.toISOString(),
  last_used_at: identity.last_used_at?.toISOString() ?? null,
  unlink_available: isUnlinkable,
})
