/** The fields of an API key: input schemas, and the view in answers. */
import { z } from 'zod'
import { Description, Instant, line, PermissionName } from '../../../base/fields.ts'
import { ENVIRONMENTS } from './format.ts'
import { type IssuedKey, MOST_GRACE } from './keys.ts'
import type { Key } from './sql.ts'
import { ACTIVE_OWNER, KEY_STATES, type KeyOwnerState, keyState } from './state.ts'

/** The name by which a user recognizes a key. */
export const KeyName = line(100)

export const NewKeyInput = z.object({
  name: KeyName.describe('The name by which you recognize the key'),
  description: Description.nullable().optional(),
  environment: z.enum(ENVIRONMENTS).default('live'),
  permissions: z
    .array(PermissionName)
    .max(100)
    .describe(
      'What the key permits, each within your own permissions. `["*"]`: all permissions that you have when the key is used. `[]`: none.',
    ),
  expires_at: Instant.nullable()
    .optional()
    .describe('Omitted: the key does not expire, or has the longest lifetime that the server permits'),
})

export const RotateInput = z.object({
  id: z.string().max(64),
  grace_seconds: z
    .number()
    .int()
    .min(0)
    .max(MOST_GRACE)
    .default(0)
    .describe('How long the old key remains valid, up to a day; 0: it is revoked at once'),
  expires_at: Instant.nullable().optional().describe('Omitted: the new key has the lifetime of the old one'),
})

export const ApiKeyView = z
  .object({
    key_id: z.string(),
    name: z.string(),
    description: z.string().nullable(),
    environment: z.enum(ENVIRONMENTS),
    /** The first characters of the key. */
    hint: z.string(),
    /** `*`: all permissions that the owner has when the key is used. */
    permissions: z.array(z.string()),
    status: z
      .enum(KEY_STATES)
      .describe('`owner_inactive`: refused as long as the account is disabled or locked'),
    created_at: z.string(),
    expires_at: z.string().nullable(),
    last_used_at: z.string().nullable(),
    rotated_at: z.string().nullable(),
    rotated_from: z.string().nullable(),
  })
  .meta({ id: 'ApiKey' })
export type ApiKeyView = z.infer<typeof ApiKeyView>

export const IssuedApiKeyView = ApiKeyView.extend({ api_key: z.string() }).meta({ id: 'IssuedApiKey' })

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
