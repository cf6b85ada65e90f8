import { describe, expect, it } from 'vitest'
import { version } from '../version.ts'
import {
  compareVersions,
  knownMigrations,
  type Migration,
  mayServeBeside,
  readMigration,
  statementsOf,
} from './migration-files.ts'

const known = knownMigrations()

/** What a server of the previous version may use, and a script removes or narrows without putting another in its place. */
function removals({ up }: Pick<Migration, 'up'>): string[] {
  return statementsOf(up).filter((statement) => {
    const text = statement.toLowerCase()
    if (/^do \$/.test(text)) return false
    const gone = /^drop (policy|trigger) (?:if exists )?(\w+)/.exec(text)
    if (gone) return !new RegExp(`\\bcreate ${gone[1]} ${gone[2]}\\b`).test(up)
    const constraint = /\bdrop constraint (?:if exists )?(\w+)/.exec(text)?.[1]
    if (constraint) return !new RegExp(`\\badd constraint ${constraint}\\b`).test(up)
    if (/^alter table/.test(text) && /\badd column (?:(?!,\s*add ).)*\bnot null\b/.test(text))
      return text.split(/, (?=add )/).some((part) => /\bnot null\b/.test(part) && !/\bdefault\b/.test(part))
    return (
      /^drop (?:table|function|type|view|schema)/.test(text) ||
      /\b(?:drop column|set not null|drop default|set data type|rename (?:to|column)|rename constraint)\b/.test(
        text,
      ) ||
      /^revoke\b/.test(text)
    )
  })
}

describe('the declaration of a migration', () => {
  it('is the first line of its script', () => {
    const read = (line: string) => readMigration('0099_x', `${line}\nselect 1;\n`, 'select 1')
    expect(read('-- expand 0.2')).toMatchObject({ kind: 'expand', version: '0.2', isConcurrent: false })
    expect(read('-- expand 0.2, concurrently')).toMatchObject({ kind: 'expand', isConcurrent: true })
    expect(read('-- contract 0.10, unused since 0.9')).toMatchObject({
      kind: 'contract',
      version: '0.10',
      unusedSince: '0.9',
      up: 'select 1;\n',
    })
    for (const line of [
      '',
      '-- expand',
      '-- contract 0.2',
      '-- adds a column',
      'select 2;',
      ' -- expand 0.2',
    ])
      expect(() => read(line)).toThrow('0099_x does not begin with its declaration')
  })

  it('of a contract names a version before its own', () => {
    const read = (line: string) => () => readMigration('0099_x', `${line}\nselect 1;\n`, 'select 1')
    expect(read('-- contract 0.2, unused since 0.2')).toThrow('a later version than that may')
    expect(read('-- contract 0.9, unused since 0.10')).toThrow('a later version than that may')
    expect(read('-- contract 1.0, unused since 0.10')).not.toThrow()
  })

  it('does not change the checksum, which databases have recorded before there were declarations', () => {
    const plain = readMigration('0099_x', '-- expand 0.1\nselect 1;\n', 'select 1').checksum
    expect(
      readMigration('0099_x', '-- contract 0.1, unused since 0.0\nselect 1;\n', 'select 1').checksum,
    ).toBe(plain)
    // as the first versions have recorded them
    const checksums = new Map(known.map(({ name, checksum }) => [name, checksum.slice(0, 12)]))
    expect(checksums.get('0001_base')).toBe('0c191e73d2b6')
    expect(checksums.get('0057_stored_sids')).toBe('f6b07544dd08')
  })

  it('has a version that is not later than that of the server, in ascending order', () => {
    const versions = known.map((migration) => migration.version)
    expect(versions.toSorted(compareVersions)).toEqual(versions)
    expect(compareVersions(versions.at(-1) ?? '', version())).toBeLessThanOrEqual(0)
  })
})

describe('an expand', () => {
  it('removes nothing that the previous version may use, and requires nothing that it does not write', () => {
    const wrong = known.flatMap((migration) =>
      migration.kind === 'expand'
        ? removals(migration).map((statement) => `${migration.name}: ${statement}`)
        : [],
    )
    expect(wrong).toEqual([])
  })

  it('is what a migration is declared as that removes nothing', () => {
    const contracts = known.filter(({ kind }) => kind === 'contract')
    expect(contracts.filter((migration) => removals(migration).length === 0)).toEqual([])
  })

  it.each([
    ['drop table latchkey.x', true],
    ['alter table latchkey.x drop column y', true],
    ['alter table latchkey.x add column y text not null', true],
    ["alter table latchkey.x add column y text not null default ''", false],
    ["alter table latchkey.x add column y text not null default '', add column z int not null", true],
    ['alter table latchkey.x alter column y set not null', true],
    ['alter table latchkey.x drop constraint y', true],
    [
      "alter table latchkey.x drop constraint y; alter table latchkey.x add constraint y check (z in ('a'))",
      false,
    ],
    ['drop policy y on latchkey.x', true],
    ['drop trigger y on latchkey.x; create trigger y after update on latchkey.x execute function z()', false],
    ['alter table latchkey.x rename column y to z', true],
    ['drop index latchkey.y', false],
  ])('judges %s', (up, isRemoval) => {
    expect(removals({ up }).length > 0).toBe(isRemoval)
  })
})

it('the statements of a script are whole, without its comments', () => {
  expect(
    statementsOf(`-- one; two
create function f() returns text language sql as $$ select 'a;b'; $$; -- three
do $do$ begin execute 'x;'; end $do$;
insert into t values ('it''s; -- here',
  2 - 1);
`),
  ).toEqual([
    "create function f() returns text language sql as $$ select 'a;b'; $$",
    "do $do$ begin execute 'x;'; end $do$",
    "insert into t values ('it''s; -- here', 2 - 1)",
  ])
})

it.each([
  ['0.1', '0.1', true],
  ['0.1', '0.2', true],
  ['0.1', '0.3', false],
  ['0.9', '1.0', true],
  ['0.9', '1.1', false],
  ['1.2', '0.9', true],
  ['1.0', '3.0', false],
])('a server of %s beside a database of %s: %s', (server, database, may) => {
  expect(mayServeBeside(server, database)).toBe(may)
})
