/**
 * The permission check of the guard for a user with fifty roles, compared with a look-up in a Set of the same grants.
 */
import type { PermissionsAsked, PermissionsOrder } from '../contenders/permissions.ts'
import { type Measured, median, type Row } from '../harness/bench.ts'
import { ask, nextMessage } from '../harness/process.ts'

const ROLES = 50
/** A multiple of the number of permissions, so that each is checked equally often. */
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
