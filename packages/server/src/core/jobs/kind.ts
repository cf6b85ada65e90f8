/**
 * Kinds of jobs: the name and the payload schema, shared by the code that enqueues a job and the code that runs it.
 * The version that runs a job may be older or newer than the one that wrote its payload: a new field of a schema is
 * optional or has a default, and an unknown field is ignored.
 */
import { z } from 'zod'
import { LOCALES } from '../../base/call.ts'

export type PayloadSchema = z.ZodType<Record<string, unknown>, Record<string, unknown>>

export interface JobKind<S extends PayloadSchema> {
  /** `noun.verb`, unique; stored with each job. */
  name: string
  payload: S
}

/** Declares a kind of job: `const forgotPassword = job('passwords.forgot', z.object({ … }))`. */
export const job = <S extends PayloadSchema>(name: string, payload: S): JobKind<S> => ({ name, payload })

export type JobHandler<S extends PayloadSchema> = (payload: z.output<S>, now: Date) => Promise<void>

/** A stored payload does not match its schema. Names the fields, never their values, because it is logged and stored. */
export class PayloadMismatch extends Error {
  override name = 'PayloadMismatch'
}

/** @throws PayloadMismatch */
export function readPayload<S extends PayloadSchema>(kind: JobKind<S>, stored: unknown): z.output<S> {
  const read = kind.payload.safeParse(stored)
  if (read.success) return read.data
  const faults = read.error.issues.map(({ path, code }) => `${path.join('.') || 'payload'}: ${code}`)
  throw new PayloadMismatch(`the payload does not match its schema (${faults.join(', ')})`)
}

/** The language of the request that enqueued the job; English where it is absent or unknown. */
export const PayloadLocale = z.enum(LOCALES).catch('en')

/** A text that may be absent. */
export const PayloadText = z.string().nullable().default(null)
