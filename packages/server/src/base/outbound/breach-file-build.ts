/**
 * Builds a breach file (breach-file.ts) from the list "Pwned Passwords", SHA-1, ordered by hash: lines of
 * `<40 digits>:<count>`, compressed with gzip or not. Every line is checked, because a list that is not in order or not
 * of SHA-1 would give a file that finds nothing. A block is written as soon as it is complete, so memory stays bounded.
 * Invariant: the target is replaced in one step by a complete file, so that a server can use it at any time.
 */
import { randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import {
  BLOCKS,
  type BreachFileInfo,
  encodeBlock,
  encodeHead,
  FIRST_BLOCK,
  MOST_IN_BLOCK,
  openBreachFile,
} from './breach-file.ts'

export interface BreachFileBuild {
  /** The list. */
  from: string
  to: string
  /** Hashes that occur less often are left out. */
  atLeast: number
  now: Date
}

/** The list cannot be used; the message is a sentence. */
export class BreachListFault extends Error {}

/** @throws BreachListFault, and errors of the file system */
export async function buildBreachFile({ from, to, atLeast, now }: BreachFileBuild): Promise<BreachFileInfo> {
  const partial = `${to}.${randomBytes(4).toString('hex')}.partial`
  const file = await open(partial, 'wx', 0o644)
  try {
    const blocks = new BlockWriter(file)
    const lines = new ListReader(atLeast, (prefix, suffix) => blocks.add(prefix, suffix))
    const isGzip = await hasGzipMagic(from)
    const sink = async (source: AsyncIterable<Buffer>): Promise<void> => {
      for await (const chunk of source) {
        lines.read(chunk)
        await blocks.flush()
      }
    }
    const source = createReadStream(from, { highWaterMark: 1 << 18 })
    if (isGzip) await pipeline(source, createGunzip({ chunkSize: 1 << 18 }), sink).catch(asListFault)
    else await pipeline(source, sink)
    lines.end()
    const { offsets, hashes } = await blocks.end()
    if (hashes === 0) throw new BreachListFault('The list has no hash that occurs often enough.')
    await file.write(encodeHead(offsets, { hashes, atLeast, builtAt: now }), 0, FIRST_BLOCK, 0)
    await file.sync()
    await file.close()
    const info = await openBreachFile(partial).info()
    await rename(partial, to)
    return info
  } catch (error) {
    await file.close().catch(() => {})
    await rm(partial, { force: true })
    throw error
  }
}

async function hasGzipMagic(path: string): Promise<boolean> {
  const file = await open(path)
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(2), 0, 2, 0)
    return bytesRead === 2 && buffer.readUInt16BE(0) === 0x1f8b
  } finally {
    await file.close()
  }
}

function asListFault(error: unknown): never {
  const { code = '' } = error as NodeJS.ErrnoException
  if (code.startsWith('Z_'))
    throw new BreachListFault('The list is damaged or cut off: it cannot be unpacked.')
  throw error
}

/** Blocks in the order of their prefixes; those in between are empty. */
class BlockWriter {
  readonly #file: FileHandle
  readonly #offsets = [FIRST_BLOCK]
  #end = FIRST_BLOCK
  #hashes = 0
  /** Complete blocks that are not written yet. */
  #full: { prefix: number; suffixes: number[] }[] = []
  #open: { prefix: number; suffixes: number[] } | null = null

  constructor(file: FileHandle) {
    this.#file = file
  }

  add(prefix: number, suffix: number): void {
    if (this.#open?.prefix !== prefix) {
      if (this.#open) this.#full.push(this.#open)
      this.#open = { prefix, suffixes: [] }
    }
    this.#open.suffixes.push(suffix)
    if (this.#open.suffixes.length > MOST_IN_BLOCK)
      throw new BreachListFault(
        `The list has more than ${MOST_IN_BLOCK} hashes with the same first four digits: it is not a list of passwords.`,
      )
  }

  async flush(): Promise<void> {
    const full = this.#full
    this.#full = []
    for (const { prefix, suffixes } of full) {
      while (this.#offsets.length <= prefix) this.#offsets.push(this.#end)
      const block = await encodeBlock(suffixes)
      await this.#file.write(block, 0, block.length, this.#end)
      this.#end += block.length
      this.#hashes += suffixes.length
      this.#offsets.push(this.#end)
    }
  }

  async end(): Promise<{ offsets: readonly number[]; hashes: number }> {
    if (this.#open) this.#full.push(this.#open)
    await this.flush()
    while (this.#offsets.length <= BLOCKS) this.#offsets.push(this.#end)
    return { offsets: this.#offsets, hashes: this.#hashes }
  }
}

const DIGITS = 40
const [NEWLINE, RETURN, COLON, ZERO, NINE] = [10, 13, 58, 48, 57]
/** The value of a hexadecimal digit by its character code; absent for other characters. */
const HEX: readonly (number | undefined)[] = Array.from({ length: 256 }, (_, code) => {
  const value = Number.parseInt(String.fromCharCode(code), 16)
  return Number.isNaN(value) ? undefined : value
})
const LONGEST_LINE = 100

/** The lines of the list, which arrive in pieces. */
class ListReader {
  readonly #atLeast: number
  readonly #found: (prefix: number, suffix: number) => void
  #line = 0
  #rest: Buffer = Buffer.alloc(0)
  /** The hash of the last line, and whether it was stored. */
  #prefix = -1
  #suffix = -1
  #isStored = false

  constructor(atLeast: number, found: (prefix: number, suffix: number) => void) {
    this.#atLeast = atLeast
    this.#found = found
  }

  read(chunk: Buffer): void {
    const text = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    let start = 0
    for (let end = text.indexOf(NEWLINE); end >= 0; end = text.indexOf(NEWLINE, start)) {
      this.#take(text, start, text[end - 1] === RETURN && end > start ? end - 1 : end)
      start = end + 1
    }
    this.#rest = text.subarray(start)
    if (this.#rest.length <= LONGEST_LINE) return
    this.#line += 1
    throw this.#fault('is too long: it is not a SHA-1 hash with its count')
  }

  /** The last line may have no newline. */
  end(): void {
    if (this.#rest.length > 0) this.#take(this.#rest, 0, this.#rest.length)
  }

  #take(text: Buffer, start: number, end: number): void {
    this.#line += 1
    if (end - start < DIGITS || (end - start > DIGITS && text[start + DIGITS] !== COLON))
      throw this.#fault('is not a SHA-1 hash with its count, such as `000000005AD76BD5…:4`')
    const prefix = this.#hex(text, start, 4)
    const suffix = this.#hex(text, start + 4, 10)
    // the digits after these are checked, and not stored
    this.#hex(text, start + 14, DIGITS - 14)
    const count = this.#count(text, start + DIGITS + 1, end)
    if (prefix < this.#prefix || (prefix === this.#prefix && suffix < this.#suffix))
      throw this.#fault('is out of order: the list must be ordered by hash')
    const isSame = prefix === this.#prefix && suffix === this.#suffix
    const wasStored = isSame && this.#isStored
    this.#prefix = prefix
    this.#suffix = suffix
    this.#isStored = wasStored || count >= this.#atLeast
    if (this.#isStored && !wasStored) this.#found(prefix, suffix)
  }

  #hex(text: Buffer, start: number, digits: number): number {
    let value = 0
    for (let at = start; at < start + digits; at += 1) {
      const digit = HEX[text[at] ?? 0]
      if (digit === undefined) throw this.#fault('is not a SHA-1 hash with its count')
      value = value * 16 + digit
    }
    return value
  }

  /** A list without counts has each hash once. */
  #count(text: Buffer, start: number, end: number): number {
    if (end < start) return 1
    let count = 0
    for (let at = start; at < end; at += 1) {
      const code = text[at] ?? 0
      if (code < ZERO || code > NINE) throw this.#fault('has a count that is not a number')
      count = count * 10 + code - ZERO
    }
    if (start === end || end - start > 12) throw this.#fault('has a count that is not a number')
    return count
  }

  #fault(what: string): BreachListFault {
    return new BreachListFault(`Line ${this.#line} ${what}.`)
  }
}
