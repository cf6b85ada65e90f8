/** A collector of traces in a test: an HTTP server that holds each request against the JSON of OTLP before it answers. */
import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { z } from 'zod'

const hex = (bytes: number) => z.string().regex(new RegExp(`^(?!0+$)[0-9a-f]{${2 * bytes}}$`))
/** An integer of 64 bits is a decimal string. */
const decimal = z.string().regex(/^(?:0|[1-9]\d{0,19})$/)
const anyValue = z.union([
  z.strictObject({ stringValue: z.string() }),
  z.strictObject({ boolValue: z.boolean() }),
  z.strictObject({ intValue: decimal }),
  z.strictObject({ doubleValue: z.number() }),
])
const attributes = z.array(z.strictObject({ key: z.string().min(1), value: anyValue }))
const span = z.strictObject({
  traceId: hex(16),
  spanId: hex(8),
  parentSpanId: hex(8).optional(),
  traceState: z.string().max(512).optional(),
  flags: z.int().min(0).max(0x3ff),
  name: z.string().min(1),
  kind: z.int().min(1).max(5),
  startTimeUnixNano: decimal,
  endTimeUnixNano: decimal,
  attributes,
  status: z.strictObject({ code: z.literal(2).optional(), message: z.string().optional() }),
})
/** ExportTraceServiceRequest, with the members that this server sends. */
const exported = z.strictObject({
  resourceSpans: z.array(
    z.strictObject({
      resource: z.strictObject({ attributes }),
      scopeSpans: z.array(
        z.strictObject({
          scope: z.strictObject({ name: z.string().min(1), version: z.string().min(1) }),
          spans: z.array(span),
        }),
      ),
    }),
  ),
})

export interface ReceivedSpan {
  traceId: string
  spanId: string
  parentSpanId: string | undefined
  traceState: string | undefined
  flags: number
  name: string
  kind: number
  /** Nanoseconds since 1970. */
  began: bigint
  ended: bigint
  attributes: Readonly<Record<string, string | number | boolean>>
  error: string | null
  /** The attributes of the process that has sent it. */
  resource: Readonly<Record<string, string | number | boolean>>
}

export interface OtlpReceiver {
  url: string
  spans: ReceivedSpan[]
  /** The bodies and headers as they came. */
  requests: { headers: IncomingHttpHeaders; body: string }[]
  /** What did not match the schema. */
  faults: string[]
  /** How the next requests are answered; default: 200 with `{}`. */
  answer: RequestListener
  /** The spans of the trace that has a root with this name, the root first; waits for it. */
  trace(rootName: string): Promise<ReceivedSpan[]>
  close(): Promise<void>
}

const accept: RequestListener = (_req, res) => {
  res.setHeader('content-type', 'application/json').end('{}')
}

export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const server = createServer((req, res) => {
    let body = ''
    req.setEncoding('utf8').on('data', (chunk) => {
      body += chunk
    })
    req.on('end', () => {
      const at = `${req.method} ${req.url} ${req.headers['content-type']}`
      if (at !== 'POST /v1/traces application/json') receiver.faults.push(at)
      receiver.requests.push({ headers: req.headers, body })
      if (receiver.answer === accept) receiver.spans.push(...spansIn(body, receiver.faults))
      receiver.answer(req, res)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const receiver: OtlpReceiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans: [],
    requests: [],
    faults: [],
    answer: accept,
    async trace(rootName) {
      for (let tries = 0; tries < 2000; tries += 1) {
        const root = receiver.spans.find(({ name, parentSpanId }) => name === rootName && !parentSpanId)
        if (root)
          return [root, ...receiver.spans.filter((one) => one.traceId === root.traceId && one !== root)]
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
      throw new Error(
        `no trace ${rootName} arrived, but ${receiver.spans.map(({ name }) => name).join('; ')}`,
      )
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return receiver
}

function spansIn(body: string, faults: string[]): ReceivedSpan[] {
  const read = exported.safeParse(JSON.parse(body))
  if (!read.success) faults.push(z.prettifyError(read.error))
  return (read.data?.resourceSpans ?? []).flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map(({ startTimeUnixNano, endTimeUnixNano, status, ...rest }) => ({
        ...rest,
        parentSpanId: rest.parentSpanId,
        traceState: rest.traceState,
        attributes: plain(rest.attributes),
        began: BigInt(startTimeUnixNano),
        ended: BigInt(endTimeUnixNano),
        error: status.code === 2 ? (status.message ?? '') : null,
        resource: plain(resource.attributes),
      })),
    ),
  )
}

const plain = (list: z.output<typeof attributes>): ReceivedSpan['attributes'] =>
  Object.fromEntries(
    list.map(({ key, value }) => {
      const [kind, raw] = Object.entries(value)[0] as [string, string | number | boolean]
      return [key, kind === 'intValue' ? Number(raw) : raw]
    }),
  )
