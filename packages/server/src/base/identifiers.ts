/**
 * Identifiers of users: the canonical spelling (normalization) of usernames and e-mail addresses, and the schemas of
 * their fields. Invariant: spellings that a person considers the same have one canonical spelling, so that alice,
 * ALICE, `alice ` and ａｌｉｃｅ are one account and one failure counter. New identifiers are ASCII, to prevent homograph
 * attacks.
 */
import { z } from 'zod'
import { line } from './fields.ts'

/** Canonical spelling, for comparing and storing keys; accepts anything. RFC 8265 §3.3 in spirit. */
export function canonical(identifier: string): string {
  return identifier
    .normalize('NFKC')
    .replace(/\p{Default_Ignorable_Code_Point}/gu, '')
    .trim()
    .toLowerCase()
    .normalize('NFKC')
}

/** An issue with a stable code, which base/http uses as FieldError.code. */
const coded = (code: string, message: string) => ({ message, params: { code } })

const ADDRESS =
  /^[a-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*@([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])$/i

/**
 * An e-mail address: ASCII, at most 254 characters, the local part at most 64 (RFC 5321 §4.5.3.1); a domain
 * in other scripts is written in its xn-- form. Trimmed, otherwise kept as written.
 */
export const EmailAddress = z
  .string()
  .max(320)
  .transform((text) => text.trim())
  .pipe(
    z
      .string()
      .min(1)
      .max(254)
      .superRefine((text, context) => {
        if (
          !/^[\x21-\x7e]*$/.test(text) &&
          ADDRESS.test(text.normalize('NFKC').replace(/[^\x21-\x7e]/g, 'x'))
        ) {
          context.addIssue({
            code: 'custom',
            ...coded('ascii_only', 'Use plain letters; write a domain in other scripts in its xn-- form.'),
          })
        } else if (!ADDRESS.test(text) || text.lastIndexOf('@') > 64) {
          context.addIssue({ code: 'custom', ...coded('email', 'This is not an e-mail address.') })
        }
      }),
  )
  .meta({
    description: 'An e-mail address of at most 254 characters, in ASCII.',
    samples: ['ada@example.com'],
  })

/** A username: 3 to 32 letters, digits, dots, hyphens and underscores of ASCII, beginning with a letter or digit. */
export const Username = z
  .string()
  .max(100)
  .transform((text) => text.trim())
  .pipe(
    z
      .string()
      .min(3)
      .max(32)
      .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, {
        error: () => 'Use letters, digits, dots, hyphens and underscores, beginning with a letter or digit.',
      }),
  )
  .meta({
    description:
      'A username: 3 to 32 letters, digits, dots, hyphens and underscores, beginning with a letter or digit. Unique in any spelling.',
    samples: ['ada'],
  })

/** A person's name. */
export const FullName = line(100).meta({
  description: 'The name of the person, one line of up to 100 characters.',
  samples: ['Ada Lovelace'],
})

/** The identifier of a sign-in: any text of limited length. Not validated further, so that errors reveal nothing. */
export const Identifier = z
  .string()
  .min(1)
  .max(320)
  .meta({
    description: 'A username or an e-mail address, in any spelling.',
    samples: ['ada@example.com'],
  })
