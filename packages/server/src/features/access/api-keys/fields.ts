/** The fields of an API key: input schemas, and the view in answers. */
import { z } from 'zod'
import {
  described,
  EXAMPLE_LATER,
  idField,
  idInput,
  textField,
  textList,
  textOrNull,
  timeField,
  timeOrNull,
} from '../../../base/described.ts'
import { Description, Instant, line, PermissionName } from '../../../base/fields.ts'
import { ENVIRONMENTS } from './format.ts'
import { type IssuedKey, MOST_GRACE } from './keys.ts'
import type { Key } from './sql.ts'
import { ACTIVE_OWNER, KEY_STATES, type KeyOwnerState, keyState } from './state.ts'

/** The name by which a user recognizes a key. */
export const KeyName = described(
  line(100),
  'The name by which you recognize the key, one line of up to 100 characters.',
  'Nightly report',
)

export const NewKeyInput = z.object({
  name: KeyName,
  description: Description.nullable().optional(),
  environment: described(
    z.enum(ENVIRONMENTS).default('live'),
    'Is part of the key, so that keys of test systems are recognized. The server treats both alike.',
  ),
  permissions: z
    .array(PermissionName)
    .max(100)
    .meta({
      description:
        'What the key permits, each within your own permissions. `["*"]`: all permissions that you have when the key is used. `[]`: none.',
      samples: [['*']],
    }),
  expires_at: Instant.nullable()
    .optional()
    .meta({
      description:
        'When the key expires. Omitted or null: never, or after the longest lifetime that the server permits.',
      samples: [EXAMPLE_LATER],
    }),
})

export const RotateInput = z.object({
  id: idInput('key', 'The key to replace, one of your own.'),
  grace_seconds: z
    .number()
    .int()
    .min(0)
    .max(MOST_GRACE)
    .default(0)
    .describe('How long the old key remains valid, in seconds, up to a day; 0: it is revoked at once.'),
  expires_at: Instant.nullable()
    .optional()
    .describe('When the new key expires. Omitted or null: it has the lifetime of the old one.'),
})

export const ApiKeyView = z
  .object({
    key_id: idField('key', 'The key, without its secret.'),
    name: textField('The name by which its owner recognizes the key.', 'Nightly report'),
    description: textOrNull('What the key is for; null for no text.', 'For the engines of the north wing'),
    environment: described(z.enum(ENVIRONMENTS), 'The system that the key is for, as its text names it.'),
    hint: textField('The first characters of the key, to recognize it by.', 'lk_live_kPZ0'),
    permissions: textList(
      'What the key permits; `*`: all permissions that its owner has when it is used.',
      '*',
    ),
    status: z
      .enum(KEY_STATES)
      .describe(
        'Whether the key is accepted. `owner_inactive`: it is refused as long as the account of its owner is disabled or locked.',
      ),
    created_at: timeField('When the key was created.'),
    expires_at: timeOrNull('When the key expires; null for never.', EXAMPLE_LATER),
    last_used_at: timeOrNull('When the key was last used, to within some seconds; null for never.'),
    rotated_at: timeOrNull('When the key was replaced by another one; null if it was not.'),
    rotated_from: textOrNull('The `key_id` of the key that this one replaces; null for none.', null),
  })
  .meta({ id: 'ApiKey' })
export type ApiKeyView = z.infer<typeof ApiKeyView>

export const IssuedApiKeyView = ApiKeyView.extend({
  api_key: textField(
    'The key itself. It is in this answer only.',
    'lk_live_kPZ0b6pV5f3V0XgqzH2m1d9s7yT4uQ8w',
  ),
}).meta({ id: 'IssuedApiKey' })

/** @param owner the state of the account; the caller's own is active */
export const apiKeyView = (
  key: Key,
  lastUsed: Date | null,
  now: Date,
  owner: KeyOwnerState = ACTIVE_OWNER,
): ApiKeyView => ({
  key_id: key.id,
  name: key.name,
  description: key.description,
  environment: key.environment,
  hint: key.hint,
  permissions: key.permissions,
  status: keyState(key, owner, now),
  created_at: key.created_at.toISOString(),
  expires_at: key.expires_at?.toISOString() ?? null,
  last_used_at: lastUsed?.toISOString() ?? null,
  rotated_at: key.rotated_at?.toISOString() ?? null,
  rotated_from: key.rotated_from,
})

/** A new key, with the secret that no other answer contains. */
export const issuedKeyView = ({ key, secret }: IssuedKey, now: Date): z.infer<typeof IssuedApiKeyView> => ({
  ...apiKeyView(key, null, now),
  api_key: secret,
})
