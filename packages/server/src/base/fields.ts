/** Field schemas that several modules share, or that forms and JSON encode differently. */
import { z } from 'zod'
import { described, EXAMPLE_LATER } from './described.ts'

/** A boolean: JSON's true and false, or the value of a form's checkbox. Absent is false. */
export const Flag = z
  .union([z.boolean(), z.enum(['true', 'false', 'on', 'off', '1', '0', ''])], {
    error: () => 'Must be true or false.',
  })
  .optional()
  .transform((value) => value === true || value === 'true' || value === 'on' || value === '1')
  .meta({ samples: [true] })

/** ISO 8601 with a zone. */
export const Instant = z.iso
  .datetime({ offset: true })
  .max(40)
  .transform((text) => new Date(text))
  .meta({ description: 'A time in ISO 8601 with a zone.', samples: [EXAMPLE_LATER] })

/**
 * Control characters, halves of characters, direction marks, and zero-width characters except the joiners that scripts and emoji
 * need, and the tags of flags (Unicode TR 51, annex C).
 */
const INVISIBLE =
  /[\p{Cc}\p{Cs}\u00ad\u061c\u180e\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060-\u206f\ufeff]|(?<!\u{1f3f4}[\u{e0020}-\u{e007e}]*)[\u{e0000}-\u{e007f}]/u

/** Whether the text has a visible character: a letter, digit, symbol or punctuation mark that is not ignorable. */
const isVisible = (text: string): boolean =>
  /[\p{L}\p{N}\p{S}\p{P}]/u.test(text.replaceAll(/\p{Default_Ignorable_Code_Point}/gu, ''))

/** A name: one line of any script, white space collapsed, without invisible characters. */
export const line = (max: number) =>
  z
    .string()
    .max(2 * max)
    .transform((text) => text.normalize('NFC').replace(/\s+/g, ' ').trim())
    .pipe(
      z
        .string()
        .min(1)
        .max(max)
        .refine((text) => !INVISIBLE.test(text) && isVisible(text), {
          error: () => 'Use one line of visible characters.',
        }),
    )

/**
 * A text of another system as one line without invisible characters, cut at `max`; null where nothing visible is left. Half a
 * character outside of Unicode's first plane becomes U+FFFD: PostgreSQL refuses it in JSON.
 */
export function visibleText(text: string, max: number): string | null {
  const cut = text
    .slice(0, 4 * max)
    .toWellFormed()
    .normalize('NFC')
    .replace(/\s+/g, ' ')
  const clean = [...cut.replaceAll(new RegExp(INVISIBLE, 'gu'), '').trim()].slice(0, max).join('').trim()
  return isVisible(clean) ? clean : null
}

/** A text on any number of lines, which is not empty, without invisible characters. */
export const lines = (max: number) =>
  z
    .string()
    .max(2 * max)
    // forms send line breaks as two characters
    .transform((text) => text.normalize('NFC').replaceAll('\r\n', '\n').trim())
    .pipe(
      z
        .string()
        .min(1)
        .max(max)
        .refine((text) => !INVISIBLE.test(text.replaceAll(/[\n\t]/g, '')) && isVisible(text), {
          error: () => 'Use visible characters.',
        }),
    )

/** Free text: up to 500 characters on any number of lines, without invisible characters; may be empty. */
export const Description = z
  .string()
  .max(1000)
  // forms send line breaks as two characters
  .transform((text) => text.normalize('NFC').replaceAll('\r\n', '\n').trim())
  .pipe(
    z
      .string()
      .max(500)
      .refine((text) => !INVISIBLE.test(text.replaceAll(/[\n\t]/g, '')), {
        error: () => 'Use visible characters.',
      }),
  )
  .meta({
    description: 'Free text of up to 500 characters on any number of lines; null for none.',
    samples: ['For the engines of the north wing'],
  })

/** A permission, `resource:action`, either of them `*`, or `*` alone. */
export const PermissionName = z
  .string()
  .max(130)
  .regex(/^(?:\*|(?:\*|[a-z][a-z0-9_-]*):(?:\*|[a-z][a-z0-9_-]*))$/, {
    error: () => 'Write a permission as `resource:action`.',
  })
  .meta({
    description:
      'A permission, `resource:action`; either of them may be `*` for any, and `*` alone is every permission.',
    samples: ['users:read'],
  })

/** The name of a role, safe in tokens, headers and URLs. */
export const roleNameField = (max = 64) =>
  z
    .string()
    .max(max)
    .regex(/^[a-z][a-z0-9_-]*$/, {
      error: () => 'Use small letters, digits, hyphens and underscores, beginning with a letter.',
    })

/** An optional field: forms send it empty, JSON omits it. */
export const optional = <T extends z.ZodType>(schema: T) =>
  z.preprocess((value) => (value === '' ? undefined : value), schema.optional())

/** A value that a link fills into a field of a form. Any text: it is displayed, and validated when the form is sent. */
export const Prefilled = z.string().max(320).optional()

/** The address to continue with; validated by `safeReturnTo`, never an error. */
export const ReturnTo = z.string().max(4000).optional()

/** A password as it is typed: bounded before it is hashed or checked. */
export const TypedPassword = described(
  z.string().min(1).max(1000),
  'A password, as it is typed.',
  'correct horse battery staple',
)

/** A code as it is typed, with spaces and hyphens. */
export const TypedCode = z.string().min(1).max(64)

/** What a form carries sealed. */
export const SealedText = z.string().max(2000)
