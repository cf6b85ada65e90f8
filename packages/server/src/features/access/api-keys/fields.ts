/** What is said about a key: the fields that make one, and how one is shown. */
import { z } from 'zod'
import { Description, Instant, line } from '../../../base/fields.ts'
import { PERMISSION } from '../roles/index.ts'
import { ENVIRONMENTS } from './format.ts'
import { type Key, MOST_GRACE } from './keys.ts'

/** What a person tells keys apart by. */
export const KeyName = line(100)

export const Scope = z
  .string()
  .max(130)
  .regex(PERMISSION, { error: () => 'Write a permission as `resource:action`.' })

export const NewKeyInput = z.object({
  name: KeyName.describe('What you will recognise it by'),
  description: Description.nullable().optional(),
  environment: z.enum(ENVIRONMENTS).default('live'),
  scopes: z
    .array(Scope)
    .max(100)
    .optional()
    .describe('Permissions, each within your own. Left out: whatever you may do at the time. `[]`: none.'),
  expires_at: Instant.nullable()
    .optional()
    .describe('Left out or null: no end, where the server allows that'),
})

export const RotateInput = z.object({
  id: z.string().max(64),
  grace_seconds: z
    .number()
    .int()
    .min(0)
    .max(MOST_GRACE)
    .default(0)
    .describe('How long the old key goes on, up to a day; 0: it is dead at once'),
  expires_at: Instant.nullable()
    .optional()
    .describe('Left out: the new key lives as long as the old one did'),
})

export const KeyView = z
  .object({
    id: z.string(),
    name: z.string(),
    description: z.string().nullable(),
    environment: z.enum(ENVIRONMENTS),
    /** What it begins with. */
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
export type KeyView = z.infer<typeof KeyView>

export const IssuedKeyView = KeyView.extend({ key: z.string() }).meta({ id: 'IssuedApiKey' })

export const keyView = (key: Key, lastUsed: Date | null, now: Date): KeyView => ({
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
