/** Whether somebody of fifty roles may do something, as the guard asks it; against one look-up in a Set of the same grants. */
import type { PermissionsAsked, PermissionsOrder } from '../contenders/permissions.ts'
import { type Measured, median, type Row } from '../harness/bench.ts'
import { ask, nextMessage } from '../harness/process.ts'

const ROLES = 50
/** Every question equally often. */
const QUESTIONS = ROLES * 3 * 5000

const CHECK = `the guard’s can, ${ROLES} roles`
const LOOK_UP = 'Set.has of the same grants'

export const permissionCheck: Row = {
  name: 'permission-check',
  title: `Permission check, ${ROLES} roles`,
  async measure(bench) {
    const contender = bench.contender('permissions')
    await nextMessage(contender)
    const order: PermissionsOrder = { roles: ROLES, rounds: bench.options.rounds, questions: QUESTIONS }
    const { check, lookUp } = await ask<PermissionsAsked>(contender, order)
    const ratios = check.map((one, n) => (lookUp[n] ?? Number.NaN) / one)
    return {
      measured: [line(CHECK, check), line(LOOK_UP, lookUp)],
      figures: [
        { what: 'a check', value: median(check), unit: 'ns', atMost: 1000 },
        { what: 'look-up in a Set ÷ check', value: median(ratios), unit: '' },
      ],
      notes: ['a third granted as it is, a third by a pattern, a third not at all'],
    }
  },
}

const line = (contender: string, nanoseconds: readonly number[]): Measured => ({
  contender,
  cpuMicroseconds: median(nanoseconds) / 1000,
  perSecond: 1e9 / median(nanoseconds),
})
