/**
 * WebSocket upgrades. A browser sends cookies with them, from any page, and cannot set header fields: so `Origin` is
 * checked always (RFC 6455 §10.2), and a page authenticates with its cookie, a one-time ticket in the URL, or a token
 * as a subprotocol. A refusal is an HTTP answer on the socket, which is then closed.
 */
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type Now, systemTime } from '../clock.ts'
import { checkOriginOf } from '../csrf.ts'
import type { Guard } from '../guard.ts'
import { CALLBACK_TIMEOUT } from '../methods/callback.ts'
import { amount, anything, assertOptions, callable, isRecord, type OptionTable, origins } from '../options.ts'
import type { Principal } from '../principal.ts'
import { Problem, problem } from '../problem.ts'
import { fieldsOf, guardRequest, type RequestLike } from '../request.ts'
import { compileRule, type Rule } from '../rules.ts'
import { openTickets, type TicketRecord, type TicketStore } from './tickets.ts'
import { openWatcher, type Recheck } from './watch.ts'

export interface WebSocketOptions {
  /** What the caller must have; any authenticated caller passes without one. */
  rule?: Rule | undefined
  /** Origins of pages that may connect, besides the origin of the server itself: `['https://app.example.com']`. */
  origins?: readonly string[] | undefined
  /** How long a ticket can be used, in seconds; 30 by default. */
  ticketLifetime?: number | undefined
  /**
   * Where tickets wait to be used: in memory by default, which serves one process, and keeps 20 tickets of a user and
   * 10,000 in all.
   */
  tickets?: TicketStore | undefined
  /** How often the credentials of watched connections are checked again, in seconds; 30 by default. */
  recheckEvery?: number | undefined
  /** The time in which each callback, of `tickets` and of `watch`, must answer, in milliseconds; 10,000 by default. */
  timeout?: number | undefined
  /** Clock: the current time in milliseconds since the Unix epoch. For tests; `Date.now` by default. */
  now?: Now | undefined
}

/** An authorized connection. */
export interface SocketConnection {
  /** null for a caller without a credential, where the rule is `optional` */
  readonly principal: Principal | null
  /**
   * Checks the credential again: before an action that must not be late.
   *
   * @throws Problem where it has expired or was revoked
   */
  recheck(): Promise<Principal | null>
}

/** The answer of a route that issues tickets; `ws.ticket` of the URL is used once. */
export interface IssuedTicket {
  readonly ticket: string
  /** In seconds. */
  readonly expires_in: number
}

/** Receives an authorized upgrade: `(request, socket, head, connection) => wss.handleUpgrade(…)`. */
export type AcceptUpgrade = (
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  connection: SocketConnection,
) => void

export interface WebSockets {
  /** A listener for `server.on('upgrade', …)` of `node:http`. A refused upgrade is answered, and its socket closed. */
  upgrade(accept: AcceptUpgrade): (request: IncomingMessage, socket: Duplex, head: Buffer) => void
  /**
   * Checks an upgrade without answering it, for a framework that does. A token in a subprotocol is removed from the
   * header field, so that the WebSocket library never selects it.
   *
   * @throws Problem with the HTTP status and the code to answer; `guard.answer` makes the answer
   */
  authorize(request: IncomingMessage): Promise<SocketConnection>
  /**
   * Issues a ticket to the caller of a request, for `new WebSocket('wss://…/?ticket=' + ticket)`.
   *
   * @param request a request of `node:http` or a framework, or a web `Request`; the guard checks it
   * @throws Problem for a request without a valid credential
   */
  issueTicket(request: RequestLike): Promise<IssuedTicket>
  /**
   * Checks the credential of a connection again at an interval, and calls `end` once it is no longer valid: close the
   * WebSocket there, with the code 1008 (RFC 6455 §7.4.1). It is also called where the credential cannot be checked twice
   * in a row. What `end` throws is printed.
   *
   * @param connection the connection, or a function that checks its credential and throws: `() => guard.verify(token)`
   * @returns stops watching: call it when the WebSocket closes
   */
  watch(connection: SocketConnection | Recheck, end: (problem: Problem) => void): () => void
  /**
   * Checks every watched connection now: after a sign-out, for instance. Where a round of checks is under way, another
   * one follows it.
   */
  recheck(): Promise<void>
  /** Stops watching. */
  close(): void
}

/** A subprotocol that carries a token: `new WebSocket(url, ['app', 'latchkey.bearer.' + token])`. */
const BEARER_PROTOCOL = 'latchkey.bearer.'

const OPTIONS: OptionTable<WebSocketOptions> = {
  rule: anything,
  origins,
  ticketLifetime: amount('seconds', 1, 600),
  tickets: (value) =>
    isRecord(value) && typeof value.put === 'function' && typeof value.take === 'function'
      ? null
      : 'an object with put() and take()',
  recheckEvery: amount('seconds', 0.05, 86_400),
  timeout: amount('milliseconds', 1, 600_000),
  now: callable,
}

/**
 * Protects the WebSockets of a server with a guard.
 *
 * @param guard checks the credentials
 * @param options who may connect, from which pages, and for how long a ticket can be used
 * @returns a listener for upgrades, the issuer of tickets, and the watch over connections
 * @throws TypeError for invalid options or a malformed rule
 */
export function webSockets(guard: Guard, options: WebSocketOptions = {}): WebSockets {
  assertOptions('webSockets()', options, OPTIONS)
  const {
    rule,
    ticketLifetime = 30,
    recheckEvery = 30,
    timeout = CALLBACK_TIMEOUT,
    now = systemTime,
  } = options
  compileRule(rule)
  const allowed = options.origins ?? []
  const tickets = openTickets({ seconds: ticketLifetime, now, timeout, store: options.tickets })
  const watcher = openWatcher(recheckEvery, timeout)

  /** How to check the credential of an upgrade, now and again. */
  async function checkOf(request: IncomingMessage): Promise<() => Promise<Principal | null>> {
    const foreign = checkOriginOf(guardRequest(request), allowed, true)
    if (foreign !== null) throw foreign
    const token = takeToken(request)
    const ticket = ticketOf(request)
    const sent = [token, ticket, request.headers.authorization].filter(
      (one) => one !== null && one !== undefined,
    )
    if (sent.length > 1) throw problem('BAD_REQUEST', { message: 'There is more than one credential.' })
    if (token !== null) return () => guard.verify(token, request, rule)
    if (ticket === null) return () => guard.authenticate(ofCheckedOrigin(request), rule)
    const record = await tickets.redeem(ticket)
    if (record instanceof Problem) throw record
    return () => replay(record)
  }

  /** Checks the credential with which a ticket was fetched: it may have been revoked since. */
  async function replay({ url, headers, userId }: TicketRecord): Promise<Principal | null> {
    const principal = await guard.authenticate(
      { method: 'GET', url, headers } as unknown as IncomingMessage,
      rule,
    )
    if (principal?.userId === userId) return principal
    throw problem('INVALID_TOKEN', { reason: 'the ticket was issued to another user' })
  }

  async function authorize(request: IncomingMessage): Promise<SocketConnection> {
    const recheck = await checkOf(request)
    return { principal: await recheck(), recheck }
  }

  return {
    authorize,
    upgrade: (accept) => (request, socket, head) => {
      // a client that resets the connection must not end the process
      const ignore = (): void => {}
      socket.on('error', ignore)
      authorize(request)
        .then((connection) => {
          if (socket.destroyed) return
          accept(request, socket, head, connection)
          socket.off('error', ignore)
        })
        .catch((error: unknown) => refuse(socket, guard.answer(error, request)))
    },
    async issueTicket(request) {
      const principal = await guard.authenticate(request)
      if (principal === null) throw problem('AUTHENTICATION_REQUIRED')
      const ticket = await tickets.issue({ ...fieldsOf(request), userId: principal.userId })
      if (ticket instanceof Problem) throw ticket
      return { ticket, expires_in: ticketLifetime }
    },
    watch: (connection, end) =>
      watcher.watch(typeof connection === 'function' ? connection : connection.recheck, end),
    recheck: watcher.recheck,
    close: watcher.close,
  }
}

/** The request without the mark of an upgrade, so that methods with cookies do not check its `Origin` a second time. */
const ofCheckedOrigin = (request: IncomingMessage): IncomingMessage =>
  Object.create(request, { headers: { value: { ...request.headers, upgrade: undefined } } })

/**
 * Takes the token out of the offered subprotocols. One other must remain, because a browser closes a connection whose
 * server selects none of those it offered.
 */
function takeToken(request: IncomingMessage): string | null {
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((one) => one.trim())
  const [sent, more] = offered.filter((one) => one.startsWith(BEARER_PROTOCOL))
  if (sent === undefined) return null
  const others = offered.filter((one) => one !== sent && one !== '')
  if (more !== undefined) throw problem('BAD_REQUEST', { message: 'There is more than one credential.' })
  if (others.length === 0)
    throw problem('BAD_REQUEST', { message: 'Offer a second subprotocol besides the one with the token.' })
  request.headers['sec-websocket-protocol'] = others.join(', ')
  return sent.slice(BEARER_PROTOCOL.length)
}

/** @throws Problem for more than one */
function ticketOf({ url = '' }: IncomingMessage): string | null {
  const at = url.indexOf('?')
  const [ticket, more] = at === -1 ? [] : new URLSearchParams(url.slice(at)).getAll('ticket')
  if (more !== undefined) throw problem('BAD_REQUEST', { message: 'There is more than one ticket.' })
  return ticket ?? null
}

/** Writes an HTTP answer on the socket of an upgrade (RFC 9112 §4), and closes it. */
function refuse(socket: Duplex, { status, headers, body }: ReturnType<Guard['answer']>): void {
  if (socket.destroyed) return
  const fields = { ...headers, 'content-length': Buffer.byteLength(body), connection: 'close' }
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.once('finish', () => socket.destroy())
  socket.end(`HTTP/1.1 ${status} \r\n${lines.join('')}\r\n${body}`)
}
