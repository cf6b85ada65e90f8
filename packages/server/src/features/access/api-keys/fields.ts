/** The fields of an API key: input schemas, and the view in answers. */
import { z } from 'zod'
import { Description, Instant, line } from '../../../base/fields.ts'
import { PERMISSION } from '../roles/index.ts'
import { ENVIRONMENTS } from './format.ts'
import { type Key, MOST_GRACE } from './keys.ts'

/** The name by which a user recognizes a key. */
export const KeyName = line(100)

export const Scope = z
  .string()
  .max(130)
  .regex(PERMISSION, { error: () => 'Write a permission as `resource:action`.' })

export const NewKeyInput = z.object({
  name: KeyName.describe('The name by which you recognize the key'),
  description: Description.nullable().optional(),
  environment: z.enum(ENVIRONMENTS).default('live'),
  scopes: z
    .array(Scope)
    .max(100)
    .optional()
    .describe(
      'Permissions, each within your own. Omitted: all permissions that you have at the time of use. `[]`: none.',
    ),
  expires_at: Instant.nullable()
    .optional()
    .describe('Omitted or null: the key does not expire, where the server permits that'),
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
    id: z.string(),
    name: z.string(),
    description: z.string().nullable(),
    environment: z.enum(ENVIRONMENTS),
    /** The first characters of the key. */
    hint: z.string(),
    scopes: z.array(z.string()).nullable(),
    status: z.enum(['active', 'expired']),
    created_at: z.string(),
    expires_at: z.string().nullable(),
    last_used_at: z.string().nullable(),
    rotated_at: z.string().nullable(),
    rotated_from: z.string().nullable(),
  })
  .meta({ id: 'ApiKey' })
export type ApiKeyView = z.infer<typeof ApiKeyView>

export const IssuedApiKeyView = ApiKeyView.extend({ key: z.string() }).meta({ id: 'IssuedApiKey' })

export const apiKeyView = (key: Key, lastUsed: Date | null, now: Date): ApiKeyView => ({
  id: key.id,
  name: key.name,
  description: key.description,
  environment: key.environment,
  hint: key.hint,
  scopes: key.scopes,
  status: key.expires_at !== null && key.expires_at <= now ? 'expired' : 'active',
  created_at: key.created_at.toISOString(),
  expires_at: key.expires_at?.toISOString() ?? null,
  last_used_at: lastUsed?.toISOString() ?? null,
  rotated_at: key.rotated_at?.toISOString() ?? null,
  rotated_from: key.rotated_from,
})
