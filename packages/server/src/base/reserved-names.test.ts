import { describe, expect, test } from 'vitest'
import { ChosenUsername, isReserved } from './reserved-names.ts'

describe('a reserved username', () => {
  test.each([
    'admin', 'ADMIN', 'Admin', 'adm1n', '4dmin', 'admln', 'adrnin', 'a.d-m_i.n', 'r00t', 'root', 'support', 'supp0rt', 'suppOrt',
    'postmaster', 'abuse', 'no_reply', 'noreply', 'System', 'sy5tem', 'vvebmaster', 'nu11', 'administrator', 'me', 'api',
  ])('is %s', (name) => expect(isReserved(name)).toBe(true)) // biome-ignore format: a table

  test.each(['ada', 'rooted', 'admiral', 'supporter', 'testa', 'ines', 'carol', 'helper', 'mona', 'milan'])(
    'is not %s',
    (name) => expect(isReserved(name)).toBe(false),
  )

  test('is refused where a user chooses it', () => {
    expect(ChosenUsername.safeParse('Adm1n').error?.issues[0]?.message).toMatch(/reserved/)
    expect(ChosenUsername.safeParse('ada').success).toBe(true)
  })
})
