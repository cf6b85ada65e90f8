// Preloaded into a server of a test: its clock is `CLOCK_OFFSET_MS` away from that of the machine. The server reads `Date` alone.
const offset = Number(process.env.CLOCK_OFFSET_MS)
const now = Date.now
globalThis.Date = class extends Date {
  constructor(...parts) {
    if (parts.length === 0) super(now() + offset)
    else super(...parts)
  }
  static now() {
    return now() + offset
  }
}
