/** Schemas of fields that forms and JSON write differently, or that many rooms share. */
import { z } from 'zod'

/** A yes or no: JSON's true and false, or what a form sends for a ticked box. Absent is no. */
export const Flag = z
  .union([z.boolean(), z.enum(['true', 'false', 'on', 'off', '1', '0', ''])])
  .optional()
  .transform((value) => value === true || value === 'true' || value === 'on' || value === '1')

/** ISO 8601 with a zone; absent or empty: undefined. */
export const Instant = z
  .preprocess(
    (value) => (value === '' ? undefined : value),
    z.iso.datetime({ offset: true }).max(40).optional(),
  )
  .transform((text) => (text === undefined ? undefined : new Date(text)))

/** A field that a form sends empty where JSON would leave it out. */
export const optional = <T extends z.ZodType>(schema: T) =>
  z.preprocess((value) => (value === '' ? undefined : value), schema.optional())

/** What a link may fill into a field of a form: shown, never sent by itself. Anything may stand there. */
export const Prefilled = z.string().max(320).optional()

/** Where to go after; judged by signin's safeReturnTo, never an error. */
export const ReturnTo = z.string().max(4000).optional()
