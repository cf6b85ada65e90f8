/**
 * Sends apps the messages that triggers have queued (migration 0044): each is a logout token, sent at most three times. Messages
 * to one app wait for each other and for nothing else, so that an app which does not answer delays no other one.
 * Invariant: a message is done only when its result is written; a process that ends while it sends leaves it due.
 */
import { systemCall } from '../../../base/call.ts'
import { later } from '../../../base/clock.ts'
import { NoAnswer } from '../../../base/outbound/index.ts'
import { audit } from '../../../core/audit/index.ts'
import { type Client, mayBePrivateFor } from '../../../core/clients/index.ts'
import { findKnownSubject, sidAtEnd } from '../../../core/subjects/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { makeLogoutToken } from './logout-token.ts'
import {
  type ClaimedDelivery,
  claimDeliveries,
  type DeliveryResult,
  deleteDeliveries,
  deleteDeliveriesBefore,
  selectDueApps,
  updateDelivery,
} from './sql.ts'

export type DeliveryTools = Pick<
  Tools,
  'clients' | 'clock' | 'config' | 'db' | 'keyring' | 'keys' | 'log' | 'outbound'
>

/** Milliseconds for a whole exchange. */
const TIMEOUT = 5000
/** Of an answer, which nothing is read of. */
const MOST_BYTES = 256 * 1024
/** Seconds until a message is due again after its first, second and third attempt. */
const WAITS = [60, 300, 600]
const AT_ONCE = { apps: 20, each: 10 }
const KEPT = 30 * 86_400_000

export interface Deliveries {
  /** Sends what is due, and what becomes due meanwhile; resolves when nothing is. One run at a time in a process. */
  send(): Promise<void>
  /** As `send`, but does not wait for a run that is under way, which sends it too: a slow app takes up one job, not all. */
  join(): Promise<void>
  /** Waits for a run that is under way. */
  flush(): Promise<void>
  /** Deletes messages from long ago. */
  purge(now: Date): Promise<void>
}

export function createDeliveries(tools: DeliveryTools): Deliveries {
  const { db, clock } = tools
  let running: Promise<void> | null = null
  let isWanted = false

  async function run(): Promise<void> {
    const busy = new Map<string, Promise<void>>()
    try {
      while (isWanted || busy.size > 0) {
        isWanted = false
        const which = { busy: [...busy.keys()], most: AT_ONCE.apps - busy.size, now: clock.now() }
        for (const clientId of await selectDueApps(db.hot, which))
          busy.set(clientId, startApp(clientId, busy))
        if (busy.size > 0) await Promise.race(busy.values())
      }
    } finally {
      // without an await since the last read of `isWanted`
      running = null
    }
  }

  async function startApp(clientId: string, busy: Map<string, unknown>): Promise<void> {
    try {
      if ((await sendTo(tools, clientId)) === AT_ONCE.each) isWanted = true
    } catch (err) {
      tools.log.error({ client: clientId, err }, 'sending back-channel logouts failed')
    } finally {
      busy.delete(clientId)
    }
  }

  const send = (): Promise<void> => {
    isWanted = true
    running ??= run()
    return running
  }
  return {
    send,
    join() {
      const isUnderWay = running !== null
      const sent = send()
      return isUnderWay ? Promise.resolve() : sent
    },
    flush: () => running ?? Promise.resolve(),
    purge: (now) => deleteDeliveriesBefore(db.hot, later(now, -KEPT)),
  }
}

/** Sends some messages to one app, at once. @returns how many */
async function sendTo(tools: DeliveryTools, clientId: string): Promise<number> {
  const { db, clients, clock } = tools
  const claim = { clientId, most: AT_ONCE.each, waits: WAITS, now: clock.now() }
  const claimed = await claimDeliveries(db.hot, claim)
  if (claimed.length === 0) return 0
  const client = await clients.find(clientId)
  const uri = client?.settings.backchannel_logout_uri ?? null
  if (client === null || uri === null) {
    await deleteDeliveries(
      db.hot,
      claimed.map(({ id }) => id),
    )
    return claimed.length
  }
  const sent = await Promise.allSettled(claimed.map((delivery) => attempt(tools, client, uri, delivery)))
  // due again later: nothing is known of it
  for (const one of sent) {
    if (one.status === 'rejected')
      tools.log.error({ client: clientId, err: one.reason }, 'a back-channel logout was not sent')
  }
  return claimed.length
}

async function attempt(
  tools: DeliveryTools,
  client: Client,
  uri: string,
  delivery: ClaimedDelivery,
): Promise<void> {
  const isOver = delivery.attempts > WAITS.length
  const result = isOver ? INTERRUPTED : await post(tools, client, uri, delivery)
  const isLast = delivery.attempts >= WAITS.length
  if (result.error === null) {
    await updateDelivery(tools.db.hot, delivery.id, { ...result, outcome: 'delivered' })
    return
  }
  const fields = { client: client.id, attempts: delivery.attempts, reason: result.error }
  if (!isLast) {
    tools.log.warn(fields, 'a back-channel logout failed, it is retried')
    await updateDelivery(tools.db.hot, delivery.id, { ...result, outcome: null })
    return
  }
  tools.log.warn(fields, 'a back-channel logout failed')
  await fail(tools, client, delivery, result)
}

type AttemptResult = Omit<DeliveryResult, 'outcome'>
const INTERRUPTED: AttemptResult = { status: null, error: 'no attempt was completed' }

async function fail(
  { db, clock }: DeliveryTools,
  client: Client,
  { id, user_id: userId, session_id: sessionId }: ClaimedDelivery,
  result: AttemptResult,
): Promise<void> {
  await db.tx('system', async (tx) => {
    if (!(await updateDelivery(tx, id, { ...result, outcome: 'failed' }))) return
    await audit(tx, systemCall(clock.now()), {
      type: 'oidc.logout.failed',
      userId,
      username: null,
      sessionId,
      organizationId: client.organizationId,
      details: { client: client.id, ...result },
    })
  })
}

/** §2.8: 200; frameworks answer 204 for an empty body. Redirects are not followed. */
async function post(
  tools: DeliveryTools,
  client: Client,
  uri: string,
  { user_id: userId, session_id: sessionId, sid: stored }: ClaimedDelivery,
): Promise<AttemptResult> {
  const sub = await findKnownSubject(tools.db.hot, client, userId)
  const sid = sidAtEnd(tools.keyring, client, { sessionId, sid: stored })
  const token = await makeLogoutToken(tools, client, { sub, sid }, tools.clock.now())
  try {
    const { status } = await tools.outbound.request({
      method: 'POST',
      url: uri,
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        'user-agent': 'Latchkey',
      },
      body: new URLSearchParams({ logout_token: token }).toString(),
      timeoutMs: TIMEOUT,
      maxBytes: MOST_BYTES,
      allowPrivate: mayBePrivateFor(tools.config, client, uri),
    })
    const isTaken = status === 200 || status === 204
    return { status, error: isTaken ? null : `the app answered with ${status}` }
  } catch (error) {
    if (error instanceof NoAnswer) return { status: null, error: error.message }
    throw error
  }
}
