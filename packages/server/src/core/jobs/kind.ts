/**
 * What a job is called and what its payload holds, once for the side that enqueues it and the side that runs it.
 * A payload is read by the version that runs the job, which may be older or newer than the one that wrote it: a
 * field that comes to a schema is optional or has a default, and one that goes is ignored.
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

/** A stored payload that its schema refuses. Names the fields and never their values, because it is logged and kept. */
export class PayloadMismatch extends Error {
  override name = 'PayloadMismatch'
}

/** @throws PayloadMismatch */
export function readPayload<S extends PayloadSchema>(kind: JobKind<S>, stored: unknown): z.output<S> {
  const read = kind.payload.safeParse(stored)
  if (read.success) return read.data
  const faults = read.error.issues.map(({ path, code }) => `${path.join('.') || 'payload'}: ${code}`)
  throw new PayloadMismatch(`the payload does not fit its schema (${faults.join(', ')})`)
}

/** The language of the request that enqueued the job; English where it is absent or not known here. */
export const PayloadLocale = z.enum(LOCALES).catch('en')

/** A text that may be missing. */
export const PayloadText = z.string().nullable().default(null)
