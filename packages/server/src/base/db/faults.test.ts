import { describe, expect, test } from 'vitest'
import { isConnectionLost, isUnavailable, isUnwritable, rootCode, Unreachable } from './faults.ts'
import { TransactionRolledBack } from './index.ts'

const fault = (code: string, more: object = {}): Error => Object.assign(new Error(code), { code, ...more })

/** code, what it is, connection lost, answered as UNAVAILABLE, no write succeeds, other fields of the error */
const TABLE: readonly [string, string, boolean, boolean, boolean, object?][] = [
  ['08006', 'connection failure', true, true, false],
  ['57P01', 'shut down by an administrator', true, true, false],
  ['57P02', 'crashed', true, true, false],
  ['57P03', 'starting', true, true, false],
  ['25P03', 'idle in a transaction for too long', true, true, false],
  ['53300', 'too many connections', true, true, false],
  ['ECONNREFUSED', 'port closed', true, true, false],
  ['EAI_AGAIN', 'name not resolved', true, true, false],
  ['28P01', 'wrong password', false, true, false],
  ['3D000', 'no such database', false, true, false],
  ['53100', 'disk full', false, true, true],
  ['53200', 'out of memory', false, true, true],
  ['58030', 'I/O error', false, true, true],
  ['25006', 'read-only', false, true, true],
  ['57014', 'canceled by its timeout', false, true, false],
  ['55P03', 'lock not available', false, true, false],
  ['40P01', 'deadlock', false, true, false],
  ['23505', 'unique violation', false, false, false],
  ['42501', 'insufficient privilege', false, false, false],
  ['42P01', 'no such table', false, false, false],
  ['42501', 'a file that is read-only', false, true, true, { file: 'md.c' }],
  ['42501', 'a policy', false, false, false, { file: 'execMain.c' }],
  ['XX000', 'internal error', false, false, false, { severity: 'ERROR' }],
  ['XX000', 'internal error that ends the session', true, true, false, { severity: 'FATAL' }],
]

describe('a fault of the database', () => {
  test.each(TABLE)('%s: %s', (code, _what, lost, unavailable, unwritable, more) => {
    const error = fault(code, more)
    expect([isConnectionLost(error), isUnavailable(error), isUnwritable(error)]).toEqual([
      lost,
      unavailable,
      unwritable,
    ])
    expect(isUnavailable(new TransactionRolledBack(error))).toBe(unavailable)
  })

  test('has the code of its first cause that has one', () => {
    const wrapped = new Unreachable('the database cannot be reached', fault('28P01'))
    expect(rootCode(wrapped)).toBe('28P01')
    expect(rootCode(new AggregateError([new Error('a'), fault('ECONNREFUSED')]))).toBe('ECONNREFUSED')
    expect(rootCode(new Error('none'))).toBe(null)
    expect(rootCode('none')).toBe(null)
  })
})
