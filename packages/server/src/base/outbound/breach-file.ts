/**
 * The breach file: a local, compressed list of the SHA-1 hashes of breached passwords, read without a network.
 *
 *   header  64 bytes: magic, version, the least count of its hashes, their number, the time of the build, and the
 *           SHA-256 of these fields and the index
 *   index   65,537 offsets (u64): block n begins at offset n and ends at offset n + 1
 *   blocks  65,536, one for each value of the first 16 bits: CRC-32 (u32), and deflate-raw of the next 40 bits of each
 *           hash, sorted. Stored are the differences, one column a byte, which compresses to 3.5 bytes a hash.
 *
 * 56 of the 160 bits are stored: of a billion hashes, one password in 70 million is refused by mistake.
 * A look-up opens the file, reads one block and inflates it; the index (512 KiB) is kept in memory. So a file that is
 * replaced is noticed at the next look-up, and a look-up never mixes two files: what it read does not fit its checksum.
 */
import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { promisify } from 'node:util'
import { crc32, deflateRaw, inflateRaw } from 'node:zlib'

/** The file cannot be used. The message completes the sentence "the breach file …". */
export class BreachFileFault extends Error {}

export interface BreachFileInfo {
  hashes: number
  /** Hashes that occurred less often than this were left out. */
  atLeast: number
  builtAt: Date
  bytes: number
  /** Of the 65,536 blocks, those with a hash: all of them in the complete list. */
  blocks: number
}

export interface BreachFile {
  /** Whether it contains the SHA-1. @throws BreachFileFault */
  has(sha1: Buffer): Promise<boolean>
  /** @throws BreachFileFault */
  info(): Promise<BreachFileInfo>
  /** Reads every block. @throws BreachFileFault where one is damaged */
  verify(): Promise<BreachFileInfo>
}

export const BLOCKS = 65_536
export const HEADER = 64
/** Where the first block begins. */
export const FIRST_BLOCK = HEADER + (BLOCKS + 1) * 8
/** Bytes of a hash that a block stores. */
const WIDTH = 5
/** A block of the complete list has some 20,000 hashes. */
export const MOST_IN_BLOCK = 1_000_000
const MAGIC = Buffer.from('LKBREACH')
const VERSION = 1
const CRC = 4

interface Index extends BreachFileInfo {
  /** Device, inode, size and time of the file that it was read from. */
  identity: string
  offsets: readonly number[]
}

export function openBreachFile(path: string): BreachFile {
  let known: { identity: string; index: Promise<Index> } | undefined

  async function withFile<T>(work: (file: FileHandle, index: Index) => Promise<T>): Promise<T> {
    // without O_NONBLOCK, opening a named pipe would wait for a writer
    const file = await asFault(
      'cannot be opened',
      open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)),
    )
    try {
      return await work(file, await indexOf(file))
    } finally {
      await file.close()
    }
  }

  async function indexOf(file: FileHandle): Promise<Index> {
    const stat = await asFault('cannot be read', file.stat())
    if (!stat.isFile()) throw new BreachFileFault('is not a file')
    const identity = [stat.dev, stat.ino, stat.size, stat.mtimeMs].join(' ')
    if (known?.identity !== identity) {
      const reading = { identity, index: readIndex(file, identity, stat.size) }
      known = reading
      // a fault of the file is kept until it changes; a fault of reading is not
      reading.index.catch((error: unknown) => {
        if (known === reading && (!(error instanceof BreachFileFault) || error.cause !== undefined))
          known = undefined
      })
    }
    return await known.index
  }

  async function blockOf(file: FileHandle, { offsets }: Index, at: number): Promise<Buffer> {
    const [start = 0, end = 0] = offsets.slice(at, at + 2)
    if (start === end) return Buffer.alloc(0)
    try {
      return await decodeBlock(await readExactly(file, start, end - start))
    } catch (error) {
      // the file was written over since its index was read
      known = undefined
      throw error
    }
  }

  const infoOf = ({ identity: _, offsets: __, ...info }: Index): BreachFileInfo => info
  return {
    has: (sha1) =>
      withFile(async (file, index) => {
        const block = await blockOf(file, index, sha1.readUInt16BE(0))
        return contains(block, sha1.readUIntBE(2, WIDTH))
      }),
    info: () => withFile(async (_, index) => infoOf(index)),
    verify: () =>
      withFile(async (file, index) => {
        let hashes = 0
        for (let at = 0; at < BLOCKS; at += 1) hashes += (await blockOf(file, index, at)).length / WIDTH
        if (hashes !== index.hashes) throw new BreachFileFault('has another number of hashes than it states')
        return infoOf(index)
      }),
  }
}

async function readIndex(file: FileHandle, identity: string, size: number): Promise<Index> {
  if (size < FIRST_BLOCK) throw new BreachFileFault('is not a breach file, or is cut off')
  const head = await readExactly(file, 0, FIRST_BLOCK)
  if (!head.subarray(0, MAGIC.length).equals(MAGIC)) throw new BreachFileFault('is not a breach file')
  if (head.readUInt32LE(8) !== VERSION)
    throw new BreachFileFault('was built by another version: build it again')
  if (!digestOf(head).equals(head.subarray(32, HEADER))) throw new BreachFileFault('has a damaged index')
  const offsets = Array.from({ length: BLOCKS + 1 }, (_, at) => Number(head.readBigUInt64LE(HEADER + at * 8)))
  if (offsets.at(-1) !== size) throw new BreachFileFault('is cut off')
  return {
    identity,
    offsets,
    atLeast: head.readUInt32LE(12),
    hashes: Number(head.readBigUInt64LE(16)),
    builtAt: new Date(Number(head.readBigUInt64LE(24))),
    bytes: size,
    blocks: offsets.filter((offset, at) => at > 0 && offset !== offsets[at - 1]).length,
  }
}

/** The header and the index, as the build writes them. @param offsets of each block, and the end of the file */
export function encodeHead(
  offsets: readonly number[],
  { hashes, atLeast, builtAt }: Pick<BreachFileInfo, 'hashes' | 'atLeast' | 'builtAt'>,
): Buffer {
  const head = Buffer.alloc(FIRST_BLOCK)
  MAGIC.copy(head)
  head.writeUInt32LE(VERSION, 8)
  head.writeUInt32LE(atLeast, 12)
  head.writeBigUInt64LE(BigInt(hashes), 16)
  head.writeBigUInt64LE(BigInt(builtAt.getTime()), 24)
  for (const [at, offset] of offsets.entries()) head.writeBigUInt64LE(BigInt(offset), HEADER + at * 8)
  digestOf(head).copy(head, 32)
  return head
}

const digestOf = (head: Buffer): Buffer =>
  createHash('sha256').update(head.subarray(0, 32)).update(head.subarray(HEADER)).digest()

/** @param suffixes in order, without repetition; the 40 bits that follow the first 16 of each hash */
export async function encodeBlock(suffixes: readonly number[]): Promise<Buffer> {
  const count = suffixes.length
  const columns = Buffer.alloc(count * WIDTH)
  let before = 0
  for (const [at, suffix] of suffixes.entries()) {
    let rest = suffix - before
    before = suffix
    for (let column = WIDTH - 1; column >= 0; column -= 1) {
      columns[column * count + at] = rest % 256
      rest = Math.floor(rest / 256)
    }
  }
  const packed = await promisify(deflateRaw)(columns)
  const block = Buffer.alloc(CRC + packed.length)
  block.writeUInt32LE(crc32(columns), 0)
  packed.copy(block, CRC)
  return block
}

async function decodeBlock(block: Buffer): Promise<Buffer> {
  const columns = await promisify(inflateRaw)(block.subarray(CRC), {
    maxOutputLength: MOST_IN_BLOCK * WIDTH,
  }).catch(() => null)
  if (columns === null || block.length < CRC || crc32(columns) !== block.readUInt32LE(0))
    throw new BreachFileFault('has a damaged block')
  return columns
}

function contains(columns: Buffer, wanted: number): boolean {
  const count = columns.length / WIDTH
  let suffix = 0
  for (let at = 0; at < count && suffix < wanted; at += 1) {
    let difference = 0
    for (let column = 0; column < WIDTH; column += 1)
      difference = difference * 256 + (columns[column * count + at] ?? 0)
    suffix += difference
  }
  return count > 0 && suffix === wanted
}

async function readExactly(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await asFault(
    'cannot be read',
    file.read(Buffer.allocUnsafe(length), 0, length, position),
  )
  if (bytesRead !== length) throw new BreachFileFault('is cut off')
  return buffer
}

/** A system error as a fault with its code; its message would contain the path. */
async function asFault<T>(what: string, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw new BreachFileFault(`${what} (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`, {
      cause: error,
    })
  }
}
