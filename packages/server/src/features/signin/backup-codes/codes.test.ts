import { describe, expect, it } from 'vitest'
import { foldBackupCode, isBackupCode, newBackupCodes, newSalt } from './codes.ts'

describe('backup codes', () => {
  it('are ten different ones of 80 bits', () => {
    const codes = newBackupCodes('strong')
    expect(new Set(codes).size).toBe(10)
    for (const code of codes) expect(code).toMatch(/^[A-Z2-7]{4}(?:-[A-Z2-7]{4}){3}$/)
  })

  it('are ten different ones of eight digits by a setting', () => {
    const codes = newBackupCodes('digits')
    expect(new Set(codes).size).toBe(10)
    for (const code of codes) expect(code).toMatch(/^\d{8}$/)
  })

  it.each(['strong', 'digits'] as const)('have the form of a code (%s)', (form) => {
    for (const code of newBackupCodes(form)) expect(isBackupCode(foldBackupCode(code))).toBe(true)
  })

  it.each([
    ['ABCD-EFGH-IJKL-2345', 'ABCDEFGHIJKL2345'],
    ['abcd efgh ijkl 2345', 'ABCDEFGHIJKL2345'],
    [' abcdefgh–ijkl—2345\n', 'ABCDEFGHIJKL2345'],
    ['ＡＢＣＤ-EFGH-IJKL-2345', 'ABCDEFGHIJKL2345'],
    ['0BCD-1FGH-IJKL-2345', 'OBCDIFGHIJKL2345'],
    ['1234 5670', '12345670'],
    ['1234-5670', '12345670'],
  ])('are read from "%s"', (typed, folded) => {
    expect([foldBackupCode(typed), isBackupCode(folded)]).toEqual([folded, true])
  })

  it.each(['', '1234567', '123456789', 'ABCD-EFGH', 'ABCD-EFGH-IJKL-2348', 'ABCD-EFGH-IJKL-23456'])(
    'are not of the form of "%s"',
    (typed) => expect(isBackupCode(foldBackupCode(typed))).toBe(false),
  )

  it('have a salt of 128 bits for their set', () => {
    const [one, other] = [newSalt(), newSalt()]
    expect(one).toHaveLength(16)
    expect(one.equals(other)).toBe(false)
  })
})
