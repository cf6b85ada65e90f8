/** Whether the server lives (it answers) and whether it is ready (the database answers, migrations are done). */
import { z } from 'zod'
import { problem } from '../../errors.ts'
import { operation } from '../row/operation.ts'
import { type ApiRow, type Row, route } from '../row/route.ts'

export interface Readiness {
  ready: boolean
  /** What was looked at, by name, and whether it is well. */
  checks: Readonly<Record<string, boolean>>
}

export function healthRows(ready: () => Promise<Readiness>): Row[] {
  const alive = (path: string, name: string): ApiRow<unknown, { status: string }> =>
    route({
      of: operation({
        name,
        summary: 'Ask whether the server is alive',
        open: 'Load balancers have no credential',
        quiet: 'Changes nothing',
        anonymous: true,
      }),
      method: 'GET',
      path,
      description: 'Looks at nothing but the process. Ask `/readyz` before sending traffic.',
      tag: 'Operation',
      input: z.object({}),
      output: z.object({ status: z.string() }),
      run: async () => ({ data: { status: 'ok' }, message: 'The server is alive.' }),
    })
  const readiness = route({
    of: operation({
      name: 'health.ready',
      summary: 'Ask whether the server is ready',
      open: 'Load balancers have no credential',
      quiet: 'Changes nothing',
      anonymous: true,
      errors: ['UNAVAILABLE'],
    }),
    method: 'GET',
    path: '/readyz',
    description:
      'The database is reachable and all migrations are done; otherwise 503, with the failed check in `details`.',
    tag: 'Operation',
    input: z.object({}),
    output: z.object({ status: z.string(), checks: z.record(z.string(), z.boolean()) }),
    run: async () => {
      const state = await ready()
      if (!state.ready)
        throw problem('UNAVAILABLE', {
          message: 'The server is not ready.',
          details: { checks: state.checks },
        })
      return { data: { status: 'ready', checks: state.checks }, message: 'The server is ready.' }
    },
  })
  return [alive('/api/health', 'health.api'), alive('/healthz', 'health.alive'), readiness] as Row[]
}
