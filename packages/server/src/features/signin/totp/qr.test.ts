import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { crc32, inflateSync } from 'node:zlib'
import { encode } from 'uqr'
import { describe, expect, it } from 'vitest'
import { qrDataUri, qrPng } from './qr.ts'

const TEXT = `otpauth://totp/Latchkey:${encodeURIComponent('ada@example.com')}?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Latchkey&algorithm=SHA1&digits=6&period=30`

/** The chunks of a PNG, whose checksums are right. */
function chunksOf(png: Buffer): Map<string, Buffer> {
  const chunks = new Map<string, Buffer>()
  for (let at = 8; at < png.length; ) {
    const length = png.readUInt32BE(at)
    const content = png.subarray(at + 4, at + 8 + length)
    expect(png.readUInt32BE(at + 8 + length)).toBe(crc32(content))
    chunks.set(content.toString('latin1', 0, 4), content.subarray(4))
    at += 12 + length
  }
  return chunks
}

/** The modules of the image: true is dark. */
function matrixOf(png: Buffer): boolean[][] {
  const chunks = chunksOf(png)
  const header = chunks.get('IHDR') ?? Buffer.alloc(0)
  const size = header.readUInt32BE(0)
  expect([header.readUInt32BE(4), ...header.subarray(8)]).toEqual([size, 1, 0, 0, 0, 0])
  const rows = inflateSync(chunks.get('IDAT') ?? Buffer.alloc(0))
  const bytesPerRow = Math.ceil(size / 8) + 1
  expect(rows).toHaveLength(bytesPerRow * size)
  return Array.from({ length: size }, (_, y) => {
    const row = rows.subarray(y * bytesPerRow + 1, (y + 1) * bytesPerRow)
    return Array.from({ length: size }, (_, x) => ((row[x >> 3] ?? 0) & (0x80 >> (x & 7))) === 0)
  })
}

describe('a QR code', () => {
  it('is a PNG as a data URI', () => {
    expect(qrDataUri(TEXT)).toMatch(/^data:image\/png;base64,iVBORw0KGgoAAAANSUhEUgAA/)
    expect([...chunksOf(qrPng(TEXT)).keys()]).toEqual(['IHDR', 'IDAT', 'IEND'])
  })

  it('has each module of the matrix as a square, within a light border of four', () => {
    const { data } = encode(TEXT, { ecc: 'M', border: 4 })
    const pixels = matrixOf(qrPng(TEXT))
    const scale = pixels.length / data.length
    expect(Number.isInteger(scale) && scale > 2).toBe(true)
    expect(pixels).toEqual(
      data.flatMap((row) =>
        Array.from({ length: scale }, () => row.flatMap((dark) => Array.from({ length: scale }, () => dark))),
      ),
    )
    expect(pixels.slice(0, 4 * scale).flat()).not.toContain(true)
  })

  it.skipIf(!(process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, 'zbarimg'))))(
    'is read by zbarimg as the text, long texts included',
    () => {
      const folder = mkdtempSync(join(tmpdir(), 'latchkey-qr-'))
      try {
        for (const text of [TEXT, TEXT.replaceAll('Latchkey', 'Ä'.repeat(60).replaceAll('Ä', '%C3%84'))]) {
          const file = join(folder, 'code.png')
          writeFileSync(file, qrPng(text))
          const read = execFileSync('zbarimg', ['--quiet', '--raw', '--nodbus', file], { encoding: 'utf8' })
          expect(read).toBe(`${text}\n`)
        }
      } finally {
        rmSync(folder, { recursive: true })
      }
    },
  )
})
