/**
 * Health checks: liveness (the process answers) and readiness (the database answers and can be written to, all migrations
 * are applied, the server is not stopping).
 */
import { z } from 'zod'
import { described, textField } from '../../described.ts'
import { problem } from '../../errors.ts'
import { operation } from '../row/operation.ts'
import { type Row, route } from '../row/route.ts'

export interface Readiness {
  ready: boolean
  /** The result of each check by name; true if it passed. */
  checks: Readonly<Record<string, boolean>>
}

/** A load balancer waits for a few seconds at most: what is not known by then is not ready. */
const READY_MS = 1500
const UNKNOWN: Readiness = { ready: false, checks: { database: false } }

/** Runs one check at a time for all who ask, and answers within a bound also where the check does not. */
export function readiness(check: () => Promise<Readiness>): () => Promise<Readiness> {
  let running: Promise<Readiness> | null = null
  return () => {
    running ??= check()
      .catch(() => UNKNOWN)
      .finally(() => {
        running = null
      })
    const checked = running
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(UNKNOWN), READY_MS)
      void checked.then((found) => {
        clearTimeout(timer)
        resolve(found)
      })
    })
  }
}

const operations = {
  alive: operation({
    name: 'health.alive',
    summary: 'Check that the server is alive',
    open: 'load balancers have no credential',
    quiet: 'changes nothing',
    anonymous: true,
  }),
  ready: operation({
    name: 'health.ready',
    summary: 'Check that the server is ready',
    open: 'load balancers have no credential',
    quiet: 'changes nothing',
    anonymous: true,
    errors: ['UNAVAILABLE'],
  }),
}

const ALIVE = { data: { status: 'ok' } }
const LENIENT = 'probes add parameters against caches'

export function healthRows(ready: () => Promise<Readiness>): Row[] {
  const alive = (path: string, name: string): Row =>
    route({
      of: operations.alive,
      name,
      method: 'GET',
      path,
      description: 'Checks only the process. Before you send traffic, check `/readyz`.',
      tag: 'Operation',
      lenient: LENIENT,
      input: z.object({}),
      output: z.object({ status: textField('Always `ok`.', 'ok') }),
      message: 'The server is alive.',
      run: () => ALIVE,
    })
  const isReady = route({
    of: operations.ready,
    method: 'GET',
    path: '/readyz',
    description:
      'The server is ready if the database answers and can be written to, and all migrations are applied. Otherwise, and while it stops, the answer is 503 within two seconds, with the failed check in `details`.',
    tag: 'Operation',
    lenient: LENIENT,
    input: z.object({}),
    output: z.object({
      status: textField('Always `ready`; a server that is not answers with an error.', 'ready'),
      checks: described(z.record(z.string(), z.boolean()), 'Each check by its name, and whether it passed.', {
        database: true,
        migrations: true,
      }),
    }),
    message: 'The server is ready.',
    run: async () => {
      const state = await ready()
      if (!state.ready)
        throw problem('UNAVAILABLE', {
          message: 'The server is not ready.',
          details: { checks: state.checks },
        })
      return { data: { status: 'ready', checks: state.checks } }
    },
  })
  return [alive('/api/health', 'health.api'), alive('/healthz', 'health.alive'), isReady]
}
