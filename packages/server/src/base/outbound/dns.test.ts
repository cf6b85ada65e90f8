/** Looking up TXT records at a name server that answers well, badly, late, or not at all. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type DnsServer, startDnsServer } from '../../testing/dns-server.ts'
import { lookupTxt } from './dns.ts'

let dns: DnsServer
beforeAll(async () => {
  dns = await startDnsServer()
})
afterAll(() => dns.stop())

/** The address of a name server that has ended. */
async function closedServer(): Promise<string> {
  const closed = await startDnsServer()
  await closed.stop()
  return closed.address
}
const ask = (name: string) => lookupTxt(name, [dns.address])

describe('a look-up', () => {
  it('returns the values of all records, each with its strings joined', async () => {
    dns.set('some.example.com', ['one', ['in two', ' parts'], ''])
    expect(await ask('some.example.com')).toEqual({ values: ['one', 'in two parts', ''] })
    expect(await ask('SOME.example.com')).toEqual({ values: ['one', 'in two parts', ''] })
  })

  it('finds nothing where the name does not exist, and where it has no TXT record', async () => {
    expect(await ask('none.example.com')).toEqual({ values: [] })
    dns.set('empty.example.com', [])
    expect(await ask('empty.example.com')).toEqual({ values: [] })
  })

  it('follows an alias that the name server resolves', async () => {
    dns.set('alias.example.com', { cname: 'target.example.net', txt: ['behind an alias'] })
    expect(await ask('alias.example.com')).toEqual({ values: ['behind an alias'] })
  })

  it('reads by TCP what is too long for UDP', async () => {
    const values = Array.from({ length: 200 }, (_, n) => `${n} ${'x'.repeat(250)}`)
    dns.set('long.example.com', values)
    expect(await ask('long.example.com')).toEqual({ values })
    expect(dns.byTcp()).toBe(1)
  })

  it.each([
    ['servfail', { code: 'servfail' }],
    ['refused', { code: 'refused' }],
    ['refused', { code: 'notimp' }],
    // an answer that ends within its head, and one that promises more records than it has
    ['malformed', { bytes: Buffer.from([0x81, 0x80, 0, 1]) }],
    ['malformed', { bytes: Buffer.from('8180000100050000000007666c6577656c07', 'hex') }],
  ] as const)('says %s of an answer %o', async (fault, answer) => {
    dns.set('bad.example.com', answer)
    const found = await ask('bad.example.com')
    // a resolver drops what it cannot read, and waits for a better answer
    expect(fault === 'malformed' ? ['malformed', 'timeout'] : [fault]).toContain(
      'fault' in found ? found.fault : found,
    )
  })

  it('says so where no answer comes in time, or where nothing listens', async () => {
    dns.set('silent.example.com', { silent: true })
    expect(await ask('silent.example.com')).toEqual({ fault: 'timeout' })
    expect(await lookupTxt('some.example.com', [await closedServer()])).toEqual({ fault: 'unreachable' })
  })

  it('asks the next name server where the first does not answer', async () => {
    dns.set('second.example.com', ['found'])
    const servers = [await closedServer(), dns.address]
    expect(await lookupTxt('second.example.com', servers)).toEqual({ values: ['found'] })
  })

  it('asks again each time', async () => {
    dns.set('again.example.com', ['first'])
    expect(await ask('again.example.com')).toEqual({ values: ['first'] })
    dns.set('again.example.com', ['second'])
    expect(await ask('again.example.com')).toEqual({ values: ['second'] })
  })
})
