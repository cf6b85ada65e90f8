/**
 * Fields with their meaning and an example, from which the OpenAPI document and the docs page are made
 * (base/http/docs): what the field is, its unit or form, and the meaning of null. The example requests of the
 * document are sent to a server by tests/openapi-examples.test.ts, so an example is a value that the field accepts.
 */
import { z } from 'zod'
import type { IdPrefix } from './ids.ts'

/**
 * @param examples of which the first is in the example requests and answers. As metadata they are `samples`, because zod
 * omits `examples` of fields that it transforms; an optional field of a request with `samples: []` is in no example.
 */
export const described = <T extends z.ZodType>(schema: T, description: string, ...examples: unknown[]): T =>
  schema.meta({ description, ...(examples.length > 0 && { samples: examples }) })

export const exampleId = (prefix: IdPrefix): string => `${prefix}_0198c0de5a7b7e11b4c2d3e4f5a6b7c8`
/** The time of the example answers, and one after it. */
export const EXAMPLE_TIME = '2030-06-01T12:00:00.000Z'
export const EXAMPLE_LATER = '2030-07-01T12:00:00.000Z'

/** Credentials of the examples, which no server accepts. */
export const EXAMPLE_CSRF_TOKEN = '3q2-7wAAAAAAAAAAAAAAAA.kPZ0b6pV5f3V0XgqzH2m1d9s7yT4uQ8wE6rL0aC3nJk'
export const EXAMPLE_SESSION_TOKEN = 'st_kPZ0b6pV5f3V0XgqzH2m1d9s7yT4uQ8wE6rL0aC3nJk'

/** An id in an answer. */
export const idField = (prefix: IdPrefix, description: string) =>
  described(z.string(), `${description} Form: \`${prefix}_…\`.`, exampleId(prefix))

/** An id in a request: of limited length, and validated where it is looked up. */
export const idInput = (prefix: IdPrefix, description: string) =>
  described(z.string().max(64), `${description} Form: \`${prefix}_…\`.`, exampleId(prefix))

/** A time in an answer. */
export const timeField = (description: string, example: string = EXAMPLE_TIME) =>
  z.string().meta({ description: `${description} ISO 8601 in UTC.`, format: 'date-time', samples: [example] })

/** A time in an answer, or null; the description says what null means. */
export const timeOrNull = (description: string, example: string | null = null) =>
  described(timeField(description).nullable(), `${description} ISO 8601 in UTC.`, example)

export const textField = (description: string, ...examples: string[]) =>
  described(z.string(), description, ...examples)

/** A text, or null; the description says what null means. */
export const textOrNull = (description: string, example: string | null) =>
  described(z.string().nullable(), description, example)

export const textList = (description: string, ...members: string[]) =>
  described(z.array(z.string()), description, members)

export const flagField = (description: string, example = false) =>
  described(z.boolean(), description, example)
