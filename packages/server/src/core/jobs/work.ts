/** The work of a feature, as values that app.ts registers: handlers of job kinds, and recurring work. */
import type { JobHandler, JobKind, PayloadSchema } from './kind.ts'

/** Runs work as a trace with a name. */
export type Traced = <T>(name: string, run: () => Promise<T>) => Promise<T>

export interface RecurringWork {
  /** `noun.verb`, unique. */
  name: string
  /** A duration: `1h`. */
  interval: string
  run(now: Date): Promise<void>
}

export interface JobWork<S extends PayloadSchema = PayloadSchema> {
  kind: JobKind<S>
  run: JobHandler<S>
}

export type Work = RecurringWork | JobWork

/** Runs the jobs of a kind. `run` must be safe to repeat. */
export const runs = <S extends PayloadSchema>(kind: JobKind<S>, run: JobHandler<S>): Work =>
  ({ kind, run }) as unknown as JobWork

/** Runs once in each interval, on one of the nodes. */
export const recurs = (name: string, interval: string, run: RecurringWork['run']): Work => ({
  name,
  interval,
  run,
})
