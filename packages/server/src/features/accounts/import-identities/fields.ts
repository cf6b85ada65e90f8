/** An identity in the record of an import or export, by the names that the JSON API has. */
import { z } from 'zod'
import { Instant } from '../../../base/fields.ts'
import type { UsableConnection } from '../../../core/connections/index.ts'
import { OrganizationSlug } from '../../organizations/organization/index.ts'

const absent = <T extends z.ZodType>(schema: T) =>
  z.preprocess((value) => (value === null || value === '' ? undefined : value), schema.optional())

/** Identifiers are never cut or cleaned. The index of the key holds so many bytes beside the issuer. */
const Subject = z
  .string()
  .min(1)
  .max(1000)
  .refine((text) => !/\p{Cc}/u.test(text) && Buffer.byteLength(text) <= 1000, {
    error: () => 'Use at most 1000 bytes, without control characters.',
  })

export const IdentityRecord = z.strictObject({
  /** The name of a connection in paths. */
  connection: z.string().min(1).max(255),
  /** The slug of the organization that the connection must be of. */
  organization: absent(OrganizationSlug),
  /** Default: the issuer of the connection, where it has one. */
  issuer: absent(z.string().max(1024)),
  subject: Subject,
  /** What the provider has stated; no address is verified by it. */
  email: absent(z.string().max(320)),
  email_verified: absent(z.boolean()),
  name: absent(z.string().max(320)),
  linked_at: absent(Instant),
  last_used_at: absent(Instant),
})
export type IdentityRecord = z.infer<typeof IdentityRecord>

/** What makes an identity unique. */
export const KeyedIdentity = z.object({
  scope: z.string().max(64),
  issuer: z.string().max(1024),
  subject: z.string().max(1000),
})
export type KeyedIdentity = z.infer<typeof KeyedIdentity>

/** The key as a text. */
export const keyOf = ({ scope, issuer, subject }: KeyedIdentity): string =>
  JSON.stringify([scope, issuer, subject])

/** An identity that may be written. */
export interface ReadIdentity extends KeyedIdentity {
  connection: Pick<UsableConnection, 'id' | 'slug' | 'organizationId' | 'provider'>
  /** The key as a text. */
  key: string
  email: string | null
  emailVerified: boolean
  name: string | null
  linkedAt: Date | null
  lastUsedAt: Date | null
}
