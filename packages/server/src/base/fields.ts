/** Schemas of fields that forms and JSON write differently, or that several modules share. */
import { z } from 'zod'

/** A yes or no: JSON's true and false, or what a form sends for a ticked box. Absent is no. */
export const Flag = z
  .union([z.boolean(), z.enum(['true', 'false', 'on', 'off', '1', '0', ''])])
  .optional()
  .transform((value) => value === true || value === 'true' || value === 'on' || value === '1')

/** ISO 8601 with a zone. */
export const Instant = z.iso
  .datetime({ offset: true })
  .max(40)
  .transform((text) => new Date(text))

/** Control characters, direction marks, and characters without width but the joiners that scripts and emoji need. */
const UNSEEN = /[\p{Cc}\u00ad\u061c\u180e\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060-\u206f\ufeff]/u

/** Whether there is anything to see: a letter, digit, symbol or mark of punctuation that is not ignorable. */
const isVisible = (text: string): boolean =>
  /[\p{L}\p{N}\p{S}\p{P}]/u.test(text.replaceAll(/\p{Default_Ignorable_Code_Point}/gu, ''))

/** What things and people are called: one line of any script, spaces collapsed, without invisible characters. */
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
        .refine((text) => !UNSEEN.test(text) && isVisible(text), {
          error: () => 'Use one line of visible characters.',
        }),
    )

/** What is said about a thing: up to 500 characters on any number of lines; may be empty. */
export const Description = z
  .string()
  .max(1000)
  // a form sends its line breaks as two characters
  .transform((text) => text.normalize('NFC').replaceAll('\r\n', '\n').trim())
  .pipe(z.string().max(500))

/** The name of a role, in the form that tokens, headers and URLs carry. */
export const roleNameField = (max = 64) =>
  z
    .string()
    .max(max)
    .regex(/^[a-z][a-z0-9_-]*$/, {
      error: () => 'Use small letters, digits, hyphens and underscores, beginning with a letter.',
    })

/** A field that a form sends empty where JSON would leave it out. */
export const optional = <T extends z.ZodType>(schema: T) =>
  z.preprocess((value) => (value === '' ? undefined : value), schema.optional())

/** What a link may fill into a field of a form: shown, never sent by itself. Anything may stand there. */
export const Prefilled = z.string().max(320).optional()

/** Where to go after; judged by signin's safeReturnTo, never an error. */
export const ReturnTo = z.string().max(4000).optional()
