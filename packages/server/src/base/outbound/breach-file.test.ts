/** The breach file: what a build accepts, what a look-up finds, and files that are damaged, replaced or written over. */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  appendFileSync, copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, truncateSync,
  writeFileSync,
} from 'node:fs' // biome-ignore format: a list
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest'
import { systemClock } from '../clock.ts'
import { BreachFileFault, FIRST_BLOCK, HEADER, openBreachFile } from './breach-file.ts'
import { BreachListFault, buildBreachFile } from './breach-file-build.ts'
import { createBreaches } from './breaches.ts'

const sha1 = (password: string) => createHash('sha1').update(password).digest()
const many = (name: string, count: number) => Array.from({ length: count }, (_, n) => `${name} ${n}`)
const NOW = new Date('2026-11-20T10:00:00Z')

let folder: string
let file: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lk-breaches-'))
  file = join(folder, 'breaches.lkb')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** The list of these passwords, in order, each with its count. */
const listOf = (counts: Readonly<Record<string, number>>, newline = '\r\n') =>
  Object.entries(counts)
    .map(([password, count]) => `${sha1(password).toString('hex').toUpperCase()}:${count}`)
    .sort()
    .join(newline)
const once = (passwords: readonly string[]) => Object.fromEntries(passwords.map((password) => [password, 1]))

async function build(list: string | Buffer, { to = file, atLeast = 1 } = {}) {
  const from = join(folder, 'list.txt')
  writeFileSync(from, list)
  return await buildBreachFile({ from, to, atLeast, now: NOW })
}
const has = (password: string) => openBreachFile(file).has(sha1(password))

describe('a build', () => {
  it('finds each password of the list, and no other', async () => {
    const passwords = many('breached', 5000)
    const info = await build(listOf(once(passwords)))
    expect(info).toMatchObject({ hashes: 5000, atLeast: 1, builtAt: NOW, bytes: readFileSync(file).length })
    const opened = openBreachFile(file)
    expect(await Promise.all(passwords.map((password) => opened.has(sha1(password))))).not.toContain(false)
    expect(await Promise.all(many('other', 5000).map((one) => opened.has(sha1(one))))).not.toContain(true)
    expect(await opened.verify()).toEqual(info)
  })

  it('finds neighbours in a block, the first and the last hash, and hashes of zeros and of F', async () => {
    const rest = 'A'.repeat(26)
    const hashes = [
      '0000'.padEnd(40, '0'), `00000000000001${rest}`, `00000000000002${rest}`, `7FFFFFFFFFFFFF${rest}`,
      `80000000000000${rest}`, `FFFFFFFFFFFFFE${rest}`, 'F'.repeat(40),
    ] // biome-ignore format: a list
    expect(await build(hashes.join('\n'))).toMatchObject({ hashes: 7, blocks: 4 })
    const opened = openBreachFile(file)
    for (const hash of hashes) expect(await opened.has(Buffer.from(hash, 'hex'))).toBe(true)
    for (const hash of [
      '00000000000003',
      '7FFFFFFFFFFFFE',
      '80000000000001',
      'FFFFFFFFFFFFFD',
      '12340000000000',
    ])
      expect(await opened.has(Buffer.from(hash + rest, 'hex'))).toBe(false)
  })

  it('reads gzip, small letters, bare newlines and a list without counts', async () => {
    const list = listOf({ one: 3, two: 5 }, '\n').toLowerCase().replaceAll(/:\d+/g, '')
    expect(await build(gzipSync(`${list}\n`))).toMatchObject({ hashes: 2 })
    expect([await has('one'), await has('two'), await has('three')]).toEqual([true, true, false])
  })

  it('leaves out what occurs less often, and counts a repeated hash once', async () => {
    const lines = listOf({ rare: 9, frequent: 10 }).split('\r\n')
    const list = lines.flatMap((line) => [line, line]).join('\n')
    expect(await build(list, { atLeast: 10 })).toMatchObject({ hashes: 1, atLeast: 10 })
    expect([await has('rare'), await has('frequent')]).toEqual([false, true])
  })

  const line = (first: string, count = ':1') => `${first.padEnd(40, '0')}${count}`
  test.each([
    ['NTLM hashes', 'A'.repeat(32).concat(':7'), /^Line 1 is not a SHA-1 hash/],
    ['SHA-256 hashes', 'A'.repeat(64).concat(':7'), /^Line 1 is not a SHA-1 hash/],
    ['passwords', `${line('0')}\n123456\n`, /^Line 2 is not a SHA-1 hash/],
    ['a letter that is no digit', `${line('0')}\n${line('G')}`, /^Line 2 is not a SHA-1 hash/],
    ['a count that is none', line('0', ':many'), /^Line 1 has a count that is not a number/],
    ['an empty count', line('0', ':'), /^Line 1 has a count that is not a number/],
    ['another order', `${line('A')}\n${line('B')}\n${line('A', ':9')}`, /^Line 3 is out of order/],
    ['another order in a block', `${line('AAAA2')}\n${line('AAAA1')}`, /^Line 2 is out of order/],
    ['an empty line', `${line('A')}\n\n${line('B')}`, /^Line 2 is not a SHA-1 hash/],
    ['one endless line', 'A'.repeat(300_000), /^Line 1 is too long/],
    ['nothing', '', /no hash that occurs often enough/],
    ['only rare hashes', line('A'), /no hash that occurs often enough/, 2],
  ])('refuses a list with %s, and leaves no file', async (_, list, message, atLeast = 1) => {
    const failure = await build(list, { atLeast }).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(BreachListFault)
    expect((failure as Error).message).toMatch(message)
    expect(readdirSync(folder)).toEqual(['list.txt'])
  })

  it('refuses a compressed list that is cut off, and keeps the file that is there', async () => {
    await build(listOf({ before: 1 }))
    const packed = gzipSync(listOf(once(many('new', 3000))))
    for (const cut of [packed.subarray(0, -20), packed.subarray(0, 100)])
      await expect(build(cut)).rejects.toThrow('cannot be unpacked')
    expect(await has('before')).toBe(true)
    expect(readdirSync(folder).sort()).toEqual(['breaches.lkb', 'list.txt'])
  })

  it('can run twice at once: the file is one of the two', async () => {
    const lists = ['left', 'right'].map((name) => {
      const from = join(folder, name)
      writeFileSync(from, listOf(once(many(name, 2000))))
      return from
    })
    await Promise.all(lists.map((from) => buildBreachFile({ from, to: file, atLeast: 1, now: NOW })))
    const found = [await has('left 0'), await has('right 0')]
    expect(found.toSorted()).toEqual([false, true])
    expect((await openBreachFile(file).verify()).hashes).toBe(2000)
  })
})

describe('a look-up refuses', () => {
  const damages: [string, () => void, RegExp][] = [
    ['no file', () => rmSync(file), /^cannot be opened \(ENOENT\)$/],
    ['a folder', () => { rmSync(file); mkdirSync(file) }, /^is not a file$/],
    ['a named pipe', () => { rmSync(file); execFileSync('mkfifo', [file]) }, /^is not a file$/],
    ['an empty file', () => truncateSync(file, 0), /^is not a breach file, or is cut off$/],
    ['a header alone', () => truncateSync(file, HEADER), /^is not a breach file, or is cut off$/],
    ['a file that is cut off', () => truncateSync(file, readFileSync(file).length - 1), /^is cut off$/],
    ['a file that is too long', () => appendFileSync(file, 'x'), /^is cut off$/],
    ['another kind of file', () => flip(0), /^is not a breach file$/],
    ['a later version', () => flip(8), /^was built by another version/],
    ['another number of hashes', () => flip(16), /^has a damaged index$/],
    ['a changed offset', () => flip(HEADER + 8 * 1000), /^has a damaged index$/],
    ['a changed digest', () => flip(40), /^has a damaged index$/],
  ] // biome-ignore format: a table
  function flip(at: number): void {
    const bytes = readFileSync(file)
    bytes[at] = (bytes[at] ?? 0) ^ 1
    writeFileSync(file, bytes)
  }

  test.each(damages)('%s', async (_, damage, message) => {
    await build(listOf(once(many('breached', 100))))
    const opened = openBreachFile(file)
    expect(await opened.has(sha1('breached 7'))).toBe(true)
    damage()
    for (const one of [opened, openBreachFile(file)]) {
      const failures = await Promise.all([
        one.has(sha1('breached 7')).catch((error: unknown) => error),
        one.info().catch((error: unknown) => error),
      ])
      for (const failure of failures) {
        expect(failure).toBeInstanceOf(BreachFileFault)
        expect((failure as Error).message).toMatch(message)
        expect((failure as Error).message).not.toContain(folder)
      }
    }
    await build(listOf({ mended: 1 }), { to: join(folder, 'mended') })
    rmSync(file, { recursive: true, force: true })
    renameSync(join(folder, 'mended'), file)
    expect(await opened.has(sha1('mended'))).toBe(true)
  })

  it('any changed bit of a block', async () => {
    await build(listOf({ breached: 1 }))
    const good = readFileSync(file)
    for (let at = FIRST_BLOCK; at < good.length; at += 1) {
      flip(at)
      await expect(has('breached')).rejects.toThrow('has a damaged block')
      await expect(openBreachFile(file).verify()).rejects.toThrow('has a damaged block')
      writeFileSync(file, good)
    }
    expect(await has('breached')).toBe(true)
  })
})

describe('a file that changes under look-ups', () => {
  it('is replaced: each answer is that of one of the files, and the next is that of the new one', async () => {
    await build(listOf(once(['both', ...many('old', 3000)])))
    await build(listOf(once(['both', ...many('new', 3000)])), { to: join(folder, 'next') })
    copyFileSync(file, join(folder, 'first'))
    const opened = openBreachFile(file)
    for (let round = 0; round < 10; round += 1) {
      const turn = round % 2 === 0 ? ['next', 'new', 'old'] : ['first', 'old', 'new']
      const [source = '', now = '', before = ''] = turn
      copyFileSync(join(folder, source), join(folder, 'copy'))
      const answers = Array.from({ length: 40 }, (_, n) => {
        if (n === 20) renameSync(join(folder, 'copy'), file)
        return Promise.all([opened.has(sha1('both')), opened.has(sha1('neither'))])
      })
      for (const answer of await Promise.all(answers)) expect(answer).toEqual([true, false])
      expect([await opened.has(sha1(`${now} 5`)), await opened.has(sha1(`${before} 5`))]).toEqual([
        true,
        false,
      ])
    }
  })

  it('is written over in place: what does not fit is refused, and found once it is complete', async () => {
    await build(listOf(once(many('old', 3000))))
    const opened = openBreachFile(file)
    expect(await opened.has(sha1('old 5'))).toBe(true)
    await build(listOf(once(many('new', 4000))), { to: join(folder, 'next') })
    const next = readFileSync(join(folder, 'next'))
    for (let written = 0; written < next.length; written += 50_000) {
      writeFileSync(file, next.subarray(0, written))
      await expect(opened.has(sha1('new 5'))).rejects.toThrow(BreachFileFault)
    }
    writeFileSync(file, next)
    expect([await opened.has(sha1('new 5')), await opened.has(sha1('old 5'))]).toEqual([true, false])
  })
})

describe('the breach check', () => {
  const lines: object[] = []
  const open = () =>
    createBreaches({
      clock: systemClock(),
      log: { warn: (...words: unknown[]) => void lines.push(words) } as never,
      config: { breachCheck: false, breachUrl: 'http://127.0.0.1:9/', breachFile: file, breachTimeout: 2000 },
    })
  beforeEach(() => {
    lines.length = 0
  })

  it('reads the file although no service is called, in the normalized form too', async () => {
    const typed = 'ﬁfteen characters, or more'
    await build(listOf({ [typed.normalize('NFKC')]: 90, other: 40 }), { atLeast: 30 })
    const breaches = open()
    expect(await breaches.timesSeen(typed)).toBe(30)
    expect(await breaches.timesSeen('in no breach')).toBe(0)
    expect(await breaches.checkFile()).toMatchObject({ hashes: 2, atLeast: 30 })
    expect(lines).toEqual([])
  })

  it('warns once for each reason, never fails, and uses a mended file at once', async () => {
    await build(listOf({ breached: 1 }))
    const good = readFileSync(file)
    const breaches = open()
    rmSync(file)
    for (let n = 0; n < 3; n += 1) expect(await breaches.timesSeen('breached')).toBe(0)
    expect(lines).toEqual([[{ reason: 'cannot be opened (ENOENT)' }, 'breach file not used']])
    writeFileSync(file, good.subarray(0, -1))
    expect(await Promise.all(many('any', 50).map(breaches.timesSeen))).toEqual(Array(50).fill(0))
    expect(lines.slice(1)).toEqual([[{ reason: 'is cut off' }, 'breach file not used']])
    await expect(breaches.checkFile()).rejects.toThrow('is cut off')
    writeFileSync(file, good)
    expect(await breaches.timesSeen('breached')).toBe(1)
    writeFileSync(file, 'x')
    expect(await breaches.timesSeen('breached')).toBe(0)
    expect(lines).toHaveLength(3)
  })
})
