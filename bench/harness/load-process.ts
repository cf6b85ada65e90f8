/** The process that generates the load, controlled by messages. */
import { drive, type Plan, pace } from './wire.ts'

export type LoadOrder =
  | ({ plan: string } & Plan)
  | { run: string; connections: number; seconds: number }
  | { run: string; perSecond: number; seconds: number }

const plans = new Map<string, Plan & { next: number }>()

process.on('message', (order: LoadOrder) => {
  if ('plan' in order) {
    const { plan, ...rest } = order
    plans.set(plan, { ...rest, next: 0 })
    process.send?.({})
    return
  }
  const plan = plans.get(order.run)
  if (!plan) throw new Error(`no plan ${order.run}`)
  const running =
    'perSecond' in order
      ? pace(plan, order.perSecond, order.seconds)
      : drive(plan, order.connections, order.seconds)
  running.then(
    (tally) => process.send?.(tally),
    (error: unknown) => {
      console.error(error)
      process.exit(1)
    },
  )
})
process.on('disconnect', () => process.exit(0))
