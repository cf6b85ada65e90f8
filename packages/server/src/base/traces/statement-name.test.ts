import { expect, test } from 'vitest'
import { statementName } from './statement-name.ts'

test.each([
  ['select "id" from "users" where "id" = $1', 'SELECT users'],
  ['select s.* from latchkey.sessions s join latchkey.users u on u.id = s.user_id', 'SELECT sessions, users'],
  ['\n  insert into latchkey.jobs (id) values ($1)', 'INSERT jobs'],
  ['insert into "latchkey"."audit_events" ("id") values ($1)', 'INSERT audit_events'],
  ['update "sessions" set "id" = $1', 'UPDATE sessions'],
  ['delete from latchkey.letters where id = $1', 'DELETE letters'],
  ['select pg_notify($1, $2)', 'SELECT'],
  [
    'with due as materialized (select id from latchkey.letters for update skip locked) update latchkey.letters l set next_at = $1 from due where l.id = due.id',
    'UPDATE letters',
  ],
  ['with a as (select 1 from latchkey.users) select * from a', 'SELECT users'],
  ['with part_0 as (insert into "sessions" ("id") values ($1)) select', 'INSERT sessions'],
  ['select 1 from "a" join "b" on true join "c" on true join "d" on true', 'SELECT a, b, c'],
  ['select extract(epoch from "u"."created_at") from "users" as "u"', 'SELECT users'],
  ['', 'STATEMENT'],
])('%s', (text, name) => {
  expect(statementName(text)).toBe(name)
  expect(statementName(text)).toBe(name)
})
