/**
 * A name server of tests on 127.0.0.1, by UDP and, for long answers, by TCP (RFC 1035 §4.2). Its messages are made by hand,
 * so that tests send what no proper server would.
 */
import { createSocket } from 'node:dgram'
import { type AddressInfo, createServer, type Socket } from 'node:net'

/** A record: its strings, each of up to 255 bytes. A text is a record of one string, or of as many as its length needs. */
type TxtRecord = string | readonly string[]

export type DnsAnswer =
  | { txt: readonly TxtRecord[]; cname?: string; wait?: Promise<unknown> }
  | { code: 'servfail' | 'nxdomain' | 'notimp' | 'refused' }
  /** Not answered, or answered with these bytes after the id of the question. */
  | { silent: true }
  | { bytes: Buffer }

export interface DnsServer {
  /** As LATCHKEY_DNS_SERVERS takes it. */
  address: string
  /** The names in the questions so far, in lower case. */
  asked: string[]
  /** How often a question came by TCP. */
  byTcp(): number
  set(name: string, answer: DnsAnswer | readonly TxtRecord[]): void
  /** The name does not exist any more. */
  remove(name: string): void
  stop(): Promise<void>
}

const CODES = { servfail: 2, nxdomain: 3, notimp: 4, refused: 5 } as const
const [CNAME, TXT, IN] = [5, 16, 1]
/** The longest message by UDP that needs no agreement. */
const BY_UDP = 512

const u16 = (...values: number[]): Buffer => Buffer.from(values.flatMap((value) => [value >> 8, value & 255]))
const u32 = (value: number): Buffer => u16(value >>> 16, value & 0xffff)
const nameBytes = (name: string): Buffer =>
  Buffer.concat([
    ...name.split('.').map((label) => Buffer.from([label.length, ...Buffer.from(label, 'latin1')])),
    Buffer.from([0]),
  ])

interface Question {
  id: number
  name: string
  type: number
  /** The section of the message, which the answer repeats. */
  bytes: Buffer
}

function questionIn(message: Buffer): Question {
  const labels: string[] = []
  let at = 12
  for (let length = message.readUInt8(at); length > 0; length = message.readUInt8(at)) {
    labels.push(message.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  const type = message.readUInt16BE(at + 1)
  return {
    id: message.readUInt16BE(0),
    name: labels.join('.').toLowerCase(),
    type,
    bytes: message.subarray(12, at + 5),
  }
}

const record = (name: string | null, type: number, data: Buffer): Buffer =>
  // a pointer to the name of the question, or a name
  Buffer.concat([
    name === null ? u16(0xc00c) : nameBytes(name),
    u16(type, IN),
    u32(60),
    u16(data.length),
    data,
  ])

function txtData(value: TxtRecord): Buffer {
  const strings =
    typeof value === 'string' ? (value === '' ? [''] : (value.match(/.{1,255}/gs) ?? [])) : value
  return Buffer.concat(
    strings.map((one) => {
      const bytes = Buffer.from(one, 'utf8')
      return Buffer.concat([Buffer.from([bytes.length]), bytes])
    }),
  )
}

function messageFor(question: Question, answer: DnsAnswer, isUdp: boolean): Buffer | null {
  const head = (code: number, answers: number, flags = 0): Buffer =>
    // an answer, with recursion desired and available
    Buffer.concat([u16(question.id, 0x8180 | flags | code, 1, answers, 0, 0), question.bytes])
  if ('silent' in answer) return null
  if ('bytes' in answer) return Buffer.concat([u16(question.id), answer.bytes])
  if ('code' in answer) return head(CODES[answer.code], 0)
  const { cname = null, txt } = answer
  const records = question.type === TXT ? txt.map((one) => record(cname, TXT, txtData(one))) : []
  if (cname !== null) records.unshift(record(null, CNAME, nameBytes(cname)))
  const message = Buffer.concat([head(0, records.length), ...records])
  return isUdp && message.length > BY_UDP ? head(0, 0, 0x0200) : message
}

export async function startDnsServer(): Promise<DnsServer> {
  const zone = new Map<string, DnsAnswer>()
  const asked: string[] = []
  const sockets = new Set<Socket>()
  let byTcp = 0

  const answerTo = async (message: Buffer, isUdp: boolean): Promise<Buffer | null> => {
    const question = questionIn(message)
    asked.push(question.name)
    const answer = zone.get(question.name) ?? { code: 'nxdomain' }
    if ('wait' in answer) await answer.wait
    return messageFor(question, answer, isUdp)
  }
  const udp = createSocket('udp4')
  udp.on('message', async (message, { port: to, address }) => {
    const answer = await answerTo(message, true)
    if (answer) udp.send(answer, to, address)
  })
  const tcp = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {}).on('close', () => sockets.delete(socket))
    socket.once('data', async (data) => {
      byTcp += 1
      const answer = await answerTo(data.subarray(2), false)
      if (answer) socket.end(Buffer.concat([u16(answer.length), answer]))
    })
  })
  await new Promise<void>((resolve) => tcp.listen(0, '127.0.0.1', resolve))
  const { port } = tcp.address() as AddressInfo
  await new Promise<void>((resolve, reject) => udp.once('error', reject).bind(port, '127.0.0.1', resolve))
  return {
    address: `127.0.0.1:${port}`,
    asked,
    byTcp: () => byTcp,
    set: (name, answer) =>
      void zone.set(name.toLowerCase(), Array.isArray(answer) ? { txt: answer } : (answer as DnsAnswer)),
    remove: (name) => void zone.delete(name.toLowerCase()),
    async stop() {
      for (const socket of sockets) socket.destroy()
      await Promise.all([
        new Promise<void>((resolve) => udp.close(resolve)),
        new Promise<void>((resolve) => tcp.close(() => resolve())),
      ])
    },
  }
}
