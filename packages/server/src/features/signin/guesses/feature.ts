/** The feature value of guesses: jobs alone. */
import type { Feature } from '../../../core/feature.ts'
import type { Tools } from '../../../core/tools.ts'
import { guessJobs } from './jobs.ts'

export const guessFeature = (tools: Tools): Feature => ({ name: 'guesses', jobs: guessJobs(tools) })
