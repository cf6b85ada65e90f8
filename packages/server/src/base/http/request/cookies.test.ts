import { describe, expect, it } from 'vitest'
import { readCookies } from './cookies.ts'

const read = (header: string) => readCookies(header, '__Host-lk_')

describe('our cookies', () => {
  it('are found among others, and no others are', () => {
    const header =
      'a=b; lk_session=planted; __Host-lk_session=st_x;__Host-lk_device=dev_1.y==; __Host-lk_; =; c'
    expect(read(header)).toEqual({ session: 'st_x', others: { device: 'dev_1.y==' } })
  })

  it('are no session if they have two values', () => {
    expect(read('__Host-lk_session=a; __Host-lk_session=a').session).toBe('a')
    expect(read('__Host-lk_session=a; __Host-lk_session=b').session).toBeNull()
  })

  it.each([';', '; ', '__Host-lk_;'])('are read quickly from the longest header, full of %j', (filler) => {
    const header = `__Host-lk_${filler.repeat(16_000 / filler.length)}`
    const times = Array.from({ length: 15 }, () => {
      const begun = performance.now()
      read(header)
      return performance.now() - begun
    })
    expect(Math.min(...times)).toBeLessThan(10)
  })
})
