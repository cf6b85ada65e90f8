/** Health checks: liveness (the process answers) and readiness (the database answers, all migrations are applied). */
import { z } from 'zod'
import { problem } from '../../errors.ts'
import { operation } from '../row/operation.ts'
import { type Row, route } from '../row/route.ts'

export interface Readiness {
  ready: boolean
  /** The result of each check by name; true if it passed. */
  checks: Readonly<Record<string, boolean>>
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

export function healthRows(ready: () => Promise<Readiness>): Row[] {
  const alive = (path: string, name: string): Row =>
    route({
      of: operations.alive,
      name,
      method: 'GET',
      path,
      description: 'Checks only the process. Before you send traffic, check `/readyz`.',
      tag: 'Operation',
      input: z.object({}),
      output: z.object({ status: z.string() }),
      message: 'The server is alive.',
      run: async () => ({ data: { status: 'ok' } }),
    })
  const readiness = route({
    of: operations.ready,
    method: 'GET',
    path: '/readyz',
    description:
      'The server is ready if the database is reachable and all migrations are applied. Otherwise the answer is 503, with the failed check in `details`.',
    tag: 'Operation',
    input: z.object({}),
    output: z.object({ status: z.string(), checks: z.record(z.string(), z.boolean()) }),
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
  return [alive('/api/health', 'health.api'), alive('/healthz', 'health.alive'), readiness]
}
