/**
 * Solves challenges (base/http/request/challenge.ts) in the browser: a script that runs in a Web Worker, so that the page
 * stays responsive. SHA-256 in plain JavaScript (FIPS 180-4), because a call of WebCrypto for each hash takes longer than
 * the hash, and only of the first 32 bits. Challenge, dot and nonce are one block of 64 bytes.
 */
export const SOLVER = `
const constants = [], initial = []
for (let n = 2; constants.length < 64; n++) {
  let isPrime = true
  for (let d = 2; d * d <= n; d++) if (n % d === 0) isPrime = false
  if (!isPrime) continue
  if (initial.length < 8) initial.push(Math.pow(n, 1 / 2) % 1 * 4294967296 | 0)
  constants.push(Math.pow(n, 1 / 3) % 1 * 4294967296 | 0)
}

const w = new Int32Array(64)
const turn = (x, n) => x >>> n | x << 32 - n
function firstWord(text) {
  w.fill(0)
  for (let i = 0; i < text.length; i++) w[i >> 2] |= text.charCodeAt(i) << 24 - i % 4 * 8
  w[text.length >> 2] |= 128 << 24 - text.length % 4 * 8
  w[15] = text.length * 8
  for (let i = 16; i < 64; i++) {
    const a = w[i - 15], b = w[i - 2]
    w[i] = w[i - 16] + (turn(a, 7) ^ turn(a, 18) ^ a >>> 3) + w[i - 7] + (turn(b, 17) ^ turn(b, 19) ^ b >>> 10)
  }
  let [a, b, c, d, e, f, g, h] = initial
  for (let i = 0; i < 64; i++) {
    const first = h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + (e & f ^ ~e & g) + constants[i] + w[i] | 0
    const second = (turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + (a & b ^ a & c ^ b & c) | 0
    h = g; g = f; f = e; e = d + first | 0; d = c; c = b; b = a; a = first + second | 0
  }
  return a + initial[0] | 0
}

onmessage = ({ data: { challenge, difficulty } }) => {
  for (let nonce = 0; ; nonce++) {
    const text = challenge + '.' + nonce.toString(36)
    if (firstWord(text) >>> 32 - difficulty === 0) return postMessage(text)
  }
}
`
  .trim()
  .replace(/^\s+/gm, '')
