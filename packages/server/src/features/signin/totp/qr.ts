/** A QR code as the data URI of a PNG: the matrix of `uqr`, written as a greyscale image of one bit a pixel (PNG §11). */
import { crc32, deflateSync } from 'node:zlib'
import { encode } from 'uqr'

/** Pixels of one module; a telephone's camera reads it from a screen. */
const SCALE = 5
/** Light modules around the code (ISO/IEC 18004 §9.1). */
const QUIET_ZONE = 4

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])

export const qrDataUri = (text: string): string => `data:image/png;base64,${qrPng(text).toString('base64')}`

export function qrPng(text: string): Buffer {
  const { data } = encode(text, { ecc: 'M', border: QUIET_ZONE })
  const size = data.length * SCALE
  const bytesPerRow = Math.ceil(size / 8)
  const pixels = Buffer.alloc((bytesPerRow + 1) * size)
  for (let y = 0; y < size; y += 1) {
    // each row begins with its filter type, 0
    const start = y * (bytesPerRow + 1) + 1
    const modules = data[Math.floor(y / SCALE)] ?? []
    for (let x = 0; x < size; x += 1) {
      if (modules[Math.floor(x / SCALE)]) continue
      const at = start + (x >> 3)
      pixels[at] = (pixels[at] ?? 0) | (0x80 >> (x & 7))
    }
  }
  const header = Buffer.alloc(13)
  header.writeUInt32BE(size, 0)
  header.writeUInt32BE(size, 4)
  // bit depth 1, colour type 0 (greyscale); compression, filter and interlace methods 0
  header[8] = 1
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(pixels)),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

function chunk(type: string, body: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(body.length)
  const content = Buffer.concat([Buffer.from(type, 'latin1'), body])
  const sum = Buffer.alloc(4)
  sum.writeUInt32BE(crc32(content))
  return Buffer.concat([length, content, sum])
}
