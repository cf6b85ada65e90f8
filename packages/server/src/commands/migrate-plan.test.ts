import { describe, expect, it } from 'vitest'
import type { MigrationPlan, PlannedLock, PlannedMigration } from '../base/db/migration-plan.ts'
import { planOutcome } from './migrate-plan.ts'

const migration = (name: string, overrides: Partial<PlannedMigration> = {}): PlannedMigration => ({
  name,
  up: '',
  down: '',
  checksum: '',
  kind: 'expand',
  version: '0.2',
  unusedSince: null,
  isConcurrent: false,
  locks: [],
  ...overrides,
})
const lock = (overrides: Partial<PlannedLock> = {}): PlannedLock => ({
  table: 'sessions',
  mode: 'ACCESS EXCLUSIVE',
  isLong: false,
  rows: 2_000_000,
  ...overrides,
})
const show = (plan: Partial<MigrationPlan>) =>
  planOutcome({ isFresh: false, from: '0.1', pending: [], ...plan })

describe('migrate plan', () => {
  it('says what each migration locks, and that the previous version may keep serving', () => {
    const { exit, json, text } = show({
      pending: [
        migration('0058_a', { locks: [lock(), lock({ table: 'users', rows: null })] }),
        migration('0059_b', {
          isConcurrent: true,
          locks: [lock({ mode: 'SHARE UPDATE EXCLUSIVE', isLong: true })],
        }),
        migration('0060_c'),
      ],
    })
    expect(exit).toBe(0)
    expect(text).toBe(
      [
        'MIGRATION  KIND    VERSION  TABLE     LOCK                    ROWS     WAITS',
        '0058_a     expand  0.2      sessions  ACCESS EXCLUSIVE        2000000  reads and writes',
        '                            users     ACCESS EXCLUSIVE        unknown  reads and writes',
        '0059_b     expand  0.2      sessions  SHARE UPDATE EXCLUSIVE  2000000  nothing',
        '0060_c     expand  0.2',
        '',
        'Servers of the previous version may keep serving: run `latchkey migrate up`, then replace them one by one.',
      ].join('\n'),
    )
    expect(json).toMatchObject({
      from: '0.1',
      to: '0.2',
      previous_version_may_serve: true,
      migrations: [
        {
          name: '0058_a',
          in_transaction: true,
          locks: [
            { table: 'sessions', blocks: 'reads and writes', grows_with_rows: false, rows: 2_000_000 },
            {},
          ],
        },
        { name: '0059_b', in_transaction: false },
        { name: '0060_c', locks: [] },
      ],
    })
  })

  it.each([
    ['there is nothing to do', {}, /^Nothing to do: all migrations are applied\.$/],
    [
      'the database is empty',
      { isFresh: true, from: null, pending: [migration('0001_a')] },
      /The database is empty: the first start/,
    ],
    [
      'an index of a large table keeps writes waiting',
      { pending: [migration('0058_a', { locks: [lock({ mode: 'SHARE', isLong: true })] })] },
      /writes, the longer the more rows\n\nChoose a quiet hour: 0058_a makes/,
    ],
    [
      'a table is small',
      { pending: [migration('0058_a', { locks: [lock({ mode: 'SHARE', isLong: true, rows: 100 })] })] },
      /\n\nServers of the previous version may keep serving/,
    ],
    [
      'something is removed',
      { pending: [migration('0058_a', { kind: 'contract', unusedSince: '0.1' })] },
      /Every server must run 0\.1 or later before: 0058_a removes what earlier versions use/,
    ],
    [
      'a version was left out',
      { pending: [migration('0058_a'), migration('0059_b', { version: '0.3' })] },
      /From 0\.1 to 0\.3 is more than one minor version: upgrade to the versions in between/,
    ],
  ] satisfies [string, Partial<MigrationPlan>, RegExp][])(
    'has the advice where %s',
    (_where, plan, advice) => {
      expect(show(plan).text).toMatch(advice)
    },
  )

  it('does not let the previous version serve where one was left out, nor on an empty database', () => {
    const may = (plan: Partial<MigrationPlan>) =>
      (show(plan).json as { previous_version_may_serve: boolean }).previous_version_may_serve
    expect(may({ pending: [migration('0058_a', { version: '0.3' })] })).toBe(false)
    expect(may({ isFresh: true, from: null, pending: [migration('0001_a', { version: '0.1' })] })).toBe(false)
    expect(may({ from: '0.9', pending: [migration('0058_a', { version: '1.0' })] })).toBe(true)
  })
})
