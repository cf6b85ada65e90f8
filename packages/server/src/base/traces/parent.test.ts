import { describe, expect, it } from 'vitest'
import { readTraceParent } from './parent.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const SPAN = 'b7ad6b7169203331'
const VALID = `00-${TRACE}-${SPAN}-01`
const read = (traceparent: string) => readTraceParent(traceparent, undefined)
const stateOf = (tracestate: string) => readTraceParent(VALID, tracestate)?.state

describe('traceparent', () => {
  it('is read with its ids and the flag', () => {
    expect(read(VALID)).toEqual({ traceId: TRACE, spanId: SPAN, isSampled: true, state: '' })
  })

  it.each([
    ['00', false],
    ['01', true],
    ['02', false],
    ['03', true],
    ['ff', true],
  ])('the flags %s say sampled: %s', (flags, isSampled) => {
    expect(read(`00-${TRACE}-${SPAN}-${flags}`)?.isSampled).toBe(isSampled)
  })

  it.each([
    `01-${TRACE}-${SPAN}-01`,
    `cc-${TRACE}-${SPAN}-01`,
    `cc-${TRACE}-${SPAN}-01-what-the-future-will-be-like`,
    `fe-${TRACE}-${SPAN}-01-`,
  ])('of a later version is read as far as it is known: %s', (value) => {
    expect(read(value)).toMatchObject({ traceId: TRACE, spanId: SPAN, isSampled: true })
  })

  it.each([
    '',
    'garbage',
    `ff-${TRACE}-${SPAN}-01`,
    `0-${TRACE}-${SPAN}-01`,
    `00-${'0'.repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `0A-${TRACE}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-0A`,
    `00-${TRACE.slice(1)}-${SPAN}-01`,
    `00-${TRACE}0-${SPAN}-01`,
    `00-${TRACE}-${SPAN}0-01`,
    `00-${TRACE}-${SPAN}-1`,
    `00-${TRACE}-${SPAN}-011`,
    `00-${TRACE}-${SPAN}`,
    `00_${TRACE}_${SPAN}_01`,
    ` ${VALID}`,
    `${VALID}\n`,
    `${VALID}-more`,
    `${VALID}-`,
    `01-${TRACE}-${SPAN}-01.more`,
    `01-${TRACE}-${SPAN}-01-${'x'.repeat(512)}`,
    // as node joins what is sent twice
    `${VALID}, ${VALID}`,
    `01-${TRACE}-${SPAN}-01-x, ${VALID}`,
    `00-${TRACE.replace('a', 'g')}-${SPAN}-01`,
  ])('that is not valid is as none: %s', (value) => {
    expect(read(value)).toBeNull()
  })

  it('is needed for a tracestate', () => {
    expect(readTraceParent(undefined, 'vendor=1')).toBeNull()
    expect(readTraceParent('garbage', 'vendor=1')).toBeNull()
  })
})

describe('tracestate', () => {
  it.each([
    ['vendor=1', 'vendor=1'],
    ['rojo=00f067aa0ba902b7,congo=t61rcWkgMzE', 'rojo=00f067aa0ba902b7,congo=t61rcWkgMzE'],
    ['a=1 ,\tb=2 , ,c=3', 'a=1,b=2,c=3'],
    ['tenant@vendor=1', 'tenant@vendor=1'],
    ['0tenant/x*_-=a b', '0tenant/x*_-=a b'],
    ['', ''],
    [
      Array.from({ length: 32 }, (_, n) => `k${n}=1`).join(','),
      Array.from({ length: 32 }, (_, n) => `k${n}=1`).join(','),
    ],
  ])('%s', (sent, kept) => {
    expect(stateOf(sent)).toBe(kept)
  })

  it.each([
    'vendor',
    '=1',
    'vendor=',
    'Vendor=1',
    'ven dor=1',
    'vendor=a=b',
    'vendor=ä',
    'a=1,a=2',
    `${'k'.repeat(257)}=1`,
    `k=${'v'.repeat(257)}`,
    Array.from({ length: 33 }, (_, n) => `k${n}=1`).join(','),
    `k=${'v'.repeat(200)},l=${'v'.repeat(200)},m=${'v'.repeat(200)}`,
  ])('that is not valid is dropped, and the parent stays: %s', (sent) => {
    expect(stateOf(sent)).toBe('')
  })
})
