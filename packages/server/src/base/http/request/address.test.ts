import type { IncomingMessage } from 'node:http'
import { describe, expect, it } from 'vitest'
import { addressKey, addressReader } from './address.ts'

const from = (remoteAddress: string | undefined, forwarded?: string) =>
  ({
    socket: { remoteAddress },
    headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded },
  }) as unknown as IncomingMessage

type Case = [trusted: string[], peer: string, forwarded: string | undefined, client: string]
const table: Case[] = [
  [[], '198.51.100.9', undefined, '198.51.100.9'],
  [[], '198.51.100.9', '203.0.113.1', '198.51.100.9'],
  [[], '::ffff:198.51.100.9', undefined, '198.51.100.9'],
  [['10.0.0.0/8'], '198.51.100.9', '203.0.113.1', '198.51.100.9'],
  [['10.0.0.0/8'], '10.1.2.3', undefined, '10.1.2.3'],
  [['10.0.0.0/8'], '10.1.2.3', '203.0.113.1', '203.0.113.1'],
  [['10.0.0.0/8'], '::ffff:10.1.2.3', '203.0.113.1', '203.0.113.1'],
  [['10.0.0.0/8'], '10.1.2.3', '1.1.1.1, 203.0.113.1', '203.0.113.1'],
  [['10.0.0.0/8'], '10.1.2.3', '1.1.1.1, 203.0.113.1, 10.9.9.9', '203.0.113.1'],
  [['10.0.0.0/8'], '10.1.2.3', '203.0.113.1,10.9.9.9 ,  10.8.8.8', '203.0.113.1'],
  [['10.0.0.0/8'], '10.1.2.3', '10.9.9.9', '10.9.9.9'],
  [['10.0.0.0/8'], '10.1.2.3', '203.0.113.1, nonsense', '10.1.2.3'],
  [['10.0.0.0/8'], '10.1.2.3', '203.0.113.1, nonsense, 10.9.9.9', '10.9.9.9'],
  [['10.0.0.0/8'], '10.1.2.3', '', '10.1.2.3'],
  [['10.0.0.0/8'], '10.1.2.3', '203.0.113.1:5555', '203.0.113.1'],
  [['10.0.0.0/8'], '10.1.2.3', '[2001:db8::1]:443', '2001:db8::1'],
  [['10.0.0.0/8'], '10.1.2.3', '2001:DB8:0:0::1', '2001:db8::1'],
  [['10.0.0.0/8'], '10.1.2.3', '::ffff:203.0.113.1', '203.0.113.1'],
  [['10.0.0.0/8'], '10.1.2.3', '0x7f.1', '10.1.2.3'],
  [['10.0.0.0/8'], '10.1.2.3', '0177.0.0.1', '10.1.2.3'],
  [['10.0.0.0/8'], '10.1.2.3', '2130706433', '10.1.2.3'],
  [['fd00::/8', '127.0.0.1'], 'fd00::5', '2001:db8::7, 127.0.0.1', '2001:db8::7'],
  [['10.1.2.3'], '10.1.2.4', '203.0.113.1', '10.1.2.4'],
]

/** What is no address identifies no client: the request counts as one of the proxy. */
const garbage = [
  ' ',
  ',',
  ',,,,',
  'unknown',
  '_hidden',
  '-',
  '"203.0.113.1"',
  "203.0.113.1' or 1=1",
  '203.0.113.1 203.0.113.2',
  '203.0.113.256',
  '203.0.113',
  '203.0.113.1.1',
  '203.0.113.1/32',
  '203.0.113.1:port',
  'for=203.0.113.1',
  '203.0.113.1;proto=https',
  '%32%30%33.0.113.1',
  '٢٠٣.0.113.1',
  '203。0。113。1',
  '203.0.113.1\u0000',
  '203.0.113.1\t\u00a0x',
  '0xcb.0.113.1',
  '[203.0.113.1',
  '[2001:db8::1',
  '2001:db8::1::2',
  '2001:db8::g',
  ':::',
  '[]:80',
  '__proto__',
  '<script>alert(1)</script>',
  '-1',
  'Infinity',
  'x'.repeat(16_000),
  '1.1.1.1,'.repeat(1500),
  ','.repeat(16_000),
]

describe('the client address', () => {
  it.each(garbage)('behind a trusted proxy that writes %j is that of the proxy', (forwarded) => {
    expect(addressReader(['10.0.0.0/8'])(from('10.1.2.3', forwarded))).toBe('10.1.2.3')
    expect(addressReader(['10.0.0.0/8'])(from('10.1.2.3', `1.1.1.1, ${forwarded}`))).toBe('10.1.2.3')
    expect(addressReader([])(from('10.1.2.3', forwarded))).toBe('10.1.2.3')
  })

  it.each(table)('with %j trusted, %s and %j is %s', (trusted, peer, forwarded, client) => {
    expect(addressReader(trusted)(from(peer, forwarded))).toBe(client)
  })

  it('of a closed connection is unknown', () => {
    expect(addressReader([])(from(undefined))).toBeNull()
  })

  it('has no invalid trusted proxies', () => {
    for (const text of ['', 'localhost', '10.0.0.0/33', '10.0.0.0/x', '10.0/8', '::/129'])
      expect(() => addressReader([text]), text).toThrow(/trusted proxy/)
  })
})

describe('the key of rate limits by address', () => {
  it.each([
    ['203.0.113.1', '203.0.113.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    [null, 'unknown'],
  ])('%s counts as %s', (ip, key) => {
    expect(addressKey(ip)).toBe(key)
  })
})
