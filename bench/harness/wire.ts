/**
 * The HTTP client of the load: requests are complete texts prepared beforehand, one is pending on each
 * connection, and answers are parsed only for their end and status. It costs a few microseconds a request, so
 * that the server's core is the bottleneck and not the client's.
 */
import { connect, type Socket } from 'node:net'

export interface Tally {
  /** Answers within the time. */
  completed: number
  /** These, and those that were pending at its end. */
  all: number
  seconds: number
  statuses: Record<string, number>
  latency: { p50: number; p90: number; p95: number; p99: number; max: number }
  /** The slowest of all answers, milliseconds. */
  slowest: number
  /** Share of a core that the client itself used. */
  clientCpu: number
}

export interface Plan {
  port: number
  /** Whole requests in ASCII; taken in turn, over all runs. */
  requests: string[]
  /**
   * A member of the JSON in request and answer, or of the form in the request: its value in an answer replaces that of the next request, so that a refresh
   * token is followed by the next.
   */
  follow?: string | undefined
  /** Each connection always sends the same request, as a client uses one credential. */
  sticky?: boolean | undefined
  /** A second request after each, which has a value of the first one's answer; both count as one. */
  then?: Successor | undefined
}

export interface Successor {
  /** A regular expression whose first group is the value in the whole answer. */
  find: string
  /** The lines of the request without the length of its body, for each of the first requests. */
  heads: string[]
  /** The body before the value. */
  body: string
}

/** Null where the answer does not have the value. */
function successorTo(answer: string, { find, heads, body }: Successor, at: number): string | null {
  const value = new RegExp(find).exec(answer)?.[1]
  if (value === undefined) return null
  return `${heads[at]}\r\ncontent-length: ${body.length + value.length}\r\n\r\n${body}${value}`
}

export async function drive(
  plan: Plan & { next: number },
  connections: number,
  seconds: number,
): Promise<Tally> {
  const requests = plan.requests
  const member =
    plan.follow === undefined ? null : new RegExp(`(?<="${plan.follow}":"|[\\n&]${plan.follow}=)[^"&]*`)
  const statuses: Record<string, number> = {}
  const latencies: number[] = []
  let completed = 0
  let all = 0
  let slowest = 0
  const sockets = await Promise.all(Array.from({ length: connections }, () => open(plan.port)))
  const cpuBefore = process.cpuUsage()
  const began = performance.now()
  const until = began + seconds * 1000
  let cpu = cpuBefore
  const timer = setTimeout(() => {
    cpu = process.cpuUsage(cpuBefore)
  }, seconds * 1000)

  await Promise.all(
    sockets.map(
      (socket, own) =>
        new Promise<void>((resolve, reject) => {
          let rest: Buffer | null = null
          let sentAt = 0
          let at = 0
          let isFirst = true
          const send = (): void => {
            isFirst = true
            at = (plan.sticky ? own : plan.next++) % requests.length
            sentAt = performance.now()
            socket.write(requests[at] ?? '', 'latin1')
          }
          socket.on('data', (chunk) => {
            const answer: Buffer = rest ? Buffer.concat([rest, chunk]) : chunk
            const end = endOf(answer)
            if (end === null || end > answer.length) {
              rest = answer
              return
            }
            rest = null
            const successor = isFirst && plan.then && successorTo(answer.toString('latin1'), plan.then, at)
            if (successor) {
              isFirst = false
              socket.write(successor, 'latin1')
              return
            }
            const now = performance.now()
            const code = answer.toString('latin1', 9, 12)
            const status = isFirst && plan.then ? `${code} without a successor` : code
            statuses[status] = (statuses[status] ?? 0) + 1
            const next = member?.exec(answer.toString('latin1'))?.[0]
            if (member && next !== undefined) requests[at] = (requests[at] ?? '').replace(member, next)
            all++
            slowest = Math.max(slowest, now - sentAt)
            if (now > until) return resolve()
            completed++
            latencies.push(now - sentAt)
            send()
          })
          socket.once('error', reject)
          socket.once('close', () => reject(new Error('the server closed a connection')))
          send()
        }),
    ),
  ).finally(() => {
    clearTimeout(timer)
    for (const socket of sockets) socket.removeAllListeners('close').destroy()
  })
  return {
    completed,
    all,
    seconds,
    statuses,
    slowest,
    latency: quantiles(latencies),
    clientCpu: (cpu.user + cpu.system) / 1e6 / seconds,
  }
}

/**
 * Sends requests at a fixed rate, whether answers arrive or not, as independent clients do. A response time counts from
 * the moment at which its request was due, so that a server that stops does not lengthen a single one only.
 */
export async function pace(
  plan: Plan & { next: number },
  perSecond: number,
  seconds: number,
): Promise<Tally> {
  const statuses: Record<string, number> = {}
  const latencies: number[] = []
  const free: Socket[] = []
  const all: Socket[] = []
  const cpuBefore = process.cpuUsage()
  const began = performance.now()
  const total = Math.round(perSecond * seconds)
  const send = async (due: number): Promise<void> => {
    let socket = free.pop()
    if (!socket) {
      const opened = await open(plan.port)
      opened
        .on('error', () => {})
        .once('close', () => {
          if (free.includes(opened)) free.splice(free.indexOf(opened), 1)
        })
      all.push(opened)
      socket = opened
    }
    const status = await answerOf(socket, plan.requests[plan.next++ % plan.requests.length] ?? '')
    statuses[status] = (statuses[status] ?? 0) + 1
    latencies.push(performance.now() - due)
    if (status !== 'reset') free.push(socket)
  }
  const pending: Promise<void>[] = []
  while (pending.length < total) {
    const due = began + (pending.length / perSecond) * 1000
    const wait = due - performance.now()
    if (wait > 0.5) await new Promise((resolve) => setTimeout(resolve, wait))
    pending.push(send(due))
  }
  await Promise.all(pending).finally(() => {
    for (const socket of all) socket.destroy()
  })
  const used = process.cpuUsage(cpuBefore)
  const latency = quantiles(latencies)
  const clientCpu = (used.user + used.system) / 1e6 / ((performance.now() - began) / 1000)
  return { completed: total, all: total, seconds, statuses, slowest: latency.max, latency, clientCpu }
}

/** @returns the status of the answer to one request on a connection that is kept; `reset` where it ends before */
function answerOf(socket: Socket, request: string): Promise<string> {
  return new Promise((resolve) => {
    let answer: Buffer = Buffer.alloc(0)
    const closed = () => resolve('reset')
    const onData = (chunk: Buffer) => {
      answer = answer.length === 0 ? chunk : Buffer.concat([answer, chunk])
      const end = endOf(answer)
      if (end === null || end > answer.length) return
      socket.off('data', onData).off('close', closed)
      resolve(answer.toString('latin1', 9, 12))
    }
    socket.on('data', onData).once('close', closed)
    socket.write(request, 'latin1')
  })
}

function quantiles(latencies: number[]): Tally['latency'] {
  latencies.sort((a, b) => a - b)
  const at = (share: number) =>
    latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0
  return { p50: at(0.5), p90: at(0.9), p95: at(0.95), p99: at(0.99), max: at(1) }
}

/** One request on a new connection. @returns the status; 0 where the connection is refused */
export async function once(port: number, request: string): Promise<number> {
  const socket = await open(port).catch(() => null)
  if (!socket) return 0
  return new Promise((resolve) => {
    socket.once('data', (chunk) => {
      resolve(Number(chunk.toString('latin1', 9, 12)))
      socket.destroy()
    })
    socket.once('error', () => resolve(0))
    socket.once('close', () => resolve(0))
    socket.write(request, 'latin1')
  })
}

/** Where an answer ends, or null while its header is incomplete. */
function endOf(answer: Buffer): number | null {
  const header = answer.indexOf('\r\n\r\n')
  if (header < 0) return null
  const head = answer.toString('latin1', 0, header + 2)
  let at = head.indexOf('\r\ncontent-length: ')
  if (at < 0) at = head.indexOf('\r\nContent-Length: ')
  const length = at < 0 ? 0 : Number.parseInt(head.slice(at + 18, head.indexOf('\r\n', at + 2)), 10)
  return header + 4 + length
}

const open = (port: number): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => {
      socket.off('error', reject)
      resolve(socket)
    })
    socket.once('error', reject)
  })

/** The text of a request whose body is a form. */
export const formText = (path: string, headers: Record<string, string>, form: string): string =>
  `${headOf('POST', path, headers)}\r\ncontent-length: ${form.length}\r\n\r\n${form}`

export const headOf = (method: string, path: string, headers: Record<string, string>): string =>
  [
    `${method} ${path} HTTP/1.1`,
    'host: id.example.test',
    'user-agent: latchkey-bench',
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ].join('\r\n')

/** The text of a request. */
export function requestText(
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body?: object,
): string {
  const content = body === undefined ? '' : JSON.stringify(body)
  const lines = [headOf(method, path, headers)]
  if (body !== undefined) lines.push('content-type: application/json', `content-length: ${content.length}`)
  return `${lines.join('\r\n')}\r\n\r\n${content}`
}
