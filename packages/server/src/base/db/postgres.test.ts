import { connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { cutConnections, cutListener } from '../../testing/connections.ts'
import { createTestDatabase, openTestDatabase, quietLog, type TestDatabase } from '../../testing/database.ts'
import type { Database } from './database.ts'
import { isUnavailable, openDatabase } from './index.ts'

const openUrl = (databaseUrl: string) =>
  openDatabase({ databaseUrl, dataDir: null, pool: 2, guardNesting: true, log: quietLog })

describe('a connection to PostgreSQL', () => {
  let db: Database
  beforeEach(async () => {
    db = await openTestDatabase({ pool: 3 })
  })
  afterEach(() => db.close())
  const one = () => sql<{ one: number }>`select 1 as one`.execute(db.hot)

  test('that is lost while idle is replaced on next use', async () => {
    for (let round = 0; round < 3; round++) {
      await Promise.all([one(), one(), db.tx('system', (tx) => sql`select 1`.execute(tx))])
      await cutConnections(db, 'latchkey %')
      await pause(50)
      expect((await one()).rows).toEqual([{ one: 1 }])
      expect((await db.tx('system', (tx) => sql`select 1 as one`.execute(tx))).rows).toEqual([{ one: 1 }])
    }
  })

  test('that is lost during a statement fails it as unreachable, and nothing else', async () => {
    const inTx = db.tx('system', (tx) => sql`select pg_sleep(5)`.execute(tx)).catch((error: unknown) => error)
    const single = sql`select pg_sleep(5)`.execute(db.hot).catch((error: unknown) => error)
    await pause(200)
    await cutConnections(db, 'latchkey %')
    const errors = await Promise.all([inTx, single])
    expect(errors.map(isUnavailable)).toEqual([true, true])
    await pause(50)
    expect((await one()).rows).toEqual([{ one: 1 }])
  })

  test('with an open transaction is returned without it', async () => {
    const slow = db.tx('system', async (tx) => {
      await sql`set local statement_timeout = 50`.execute(tx)
      await sql`select pg_sleep(5)`.execute(tx)
    })
    await expect(slow).rejects.toMatchObject({ code: '57014' })
    expect((await db.tx('system', (tx) => sql`select current_user::text as u`.execute(tx))).rows).toEqual([
      { u: 'latchkey_system' },
    ])
  })

  test('has, while idle, a role that sees no rows, and fixed settings', async () => {
    await db.tx('system', (tx) => sql`select 1`.execute(tx))
    const settings = [
      'TimeZone',
      'search_path',
      'statement_timeout',
      'lock_timeout',
      'idle_in_transaction_session_timeout',
      'application_name',
    ]
    const { rows } = await db.tx('system', (tx) =>
      sql<{
        name: string
        setting: string
        rest: string
      }>`select name, setting from pg_settings where name = any(${settings}) order by name`.execute(tx),
    )
    expect(Object.fromEntries(rows.map(({ name, setting }) => [name, setting]))).toEqual({
      TimeZone: 'UTC',
      search_path: 'latchkey',
      statement_timeout: '30000',
      lock_timeout: '10000',
      idle_in_transaction_session_timeout: '30000',
      application_name: 'latchkey transactions',
    })
    // ending the transaction from inside shows the state of the connection between transactions
    const escaped = db.tx('system', async (tx) => {
      await sql`commit`.execute(tx)
      const { rows } = await sql<{ u: string }>`select current_user::text as u`.execute(tx)
      expect(rows).toEqual([{ u: 'latchkey_request' }])
      await expect(sql`select * from passwords`.execute(tx)).rejects.toMatchObject({ code: '42501' })
    })
    await escaped.catch(() => {})
  })

  test('is one of a bounded pool, for which other transactions wait', async () => {
    let [running, most] = [0, 0]
    await Promise.all(
      Array.from({ length: 20 }, () =>
        db.tx('system', async (tx) => {
          most = Math.max(most, ++running)
          // until the pool is full: opening a connection may take longer than a transaction
          do await sql`select pg_sleep(0.01)`.execute(tx)
          while (most < 3)
          running--
        }),
      ),
    )
    expect(most).toBe(3)
  })

  test('is replaced for waiting transactions when it is lost', async () => {
    const sleepers = Array.from({ length: 3 }, () =>
      db.tx('system', (tx) => sql`select pg_sleep(5)`.execute(tx)).catch(() => 'cut'),
    )
    await pause(200)
    const waiting = Array.from({ length: 5 }, () =>
      db.tx('system', (tx) => sql`select 1`.execute(tx)).then(() => 'done'),
    )
    await cutConnections(db, 'latchkey transactions')
    expect(await Promise.all(sleepers)).toEqual(['cut', 'cut', 'cut'])
    expect(await Promise.all(waiting)).toEqual(Array(5).fill('done'))
  })

  test('for LISTEN reports when it is down and when it is restored, and receives later notifications', async () => {
    const heard: string[] = []
    await db.listen('changes', (payload) => heard.push(payload), {
      onLost: () => heard.push('lost'),
      onBack: () => heard.push('back'),
    })
    const tell = (text: string) => sql`select pg_notify('changes', ${text})`.execute(db.hot)
    await tell('one')
    await expect.poll(() => heard).toEqual(['one'])
    await cutListener(db)
    await expect.poll(() => heard).toEqual(['one', 'lost', 'back'])
    await tell('two')
    await expect.poll(() => heard).toEqual(['one', 'lost', 'back', 'two'])
  })

  test('for LISTEN is restored after each of many losses', async () => {
    const heard: string[] = []
    await db.listen('changes', (payload) => heard.push(payload), {
      onLost: () => heard.push('lost'),
      onBack: () => heard.push('back'),
    })
    for (let n = 0; n < 20; n++) {
      await cutListener(db)
      await pause(Math.random() * 5)
    }
    await expect.poll(() => heard.at(-1)).toBe('back')
    await sql`select pg_notify('changes', 'heard')`.execute(db.hot)
    await expect.poll(() => heard.at(-1)).toBe('heard')
  })

  test('for LISTEN stays subscribed to a channel that one subscriber leaves while another joins', async () => {
    // LISTEN is sent, and answered, some turns of the event loop after the call
    for (let turns = 0; turns < 12; turns++) {
      const heard: string[] = []
      const leave = await db.listen('changes', () => {})
      const joining = db.listen('changes', (payload) => heard.push(payload))
      for (let n = 0; n < turns; n++) await null
      const [stop] = await Promise.all([joining, leave()])
      await sql`select pg_notify('changes', 'heard')`.execute(db.hot)
      await expect.poll(() => heard).toEqual(['heard'])
      await stop()
    }
  })

  test('is closed after running transactions', async () => {
    const running = db.tx('system', async (tx) => {
      await sql`select pg_sleep(0.3)`.execute(tx)
      return 'done'
    })
    await pause(50)
    await Promise.all([db.close(), db.close()])
    expect(await running).toBe('done')
    await expect(one()).rejects.toSatisfy(isUnavailable)
    await expect(db.tx('system', async () => {})).rejects.toSatisfy(isUnavailable)
  })
})

/** A proxy that delays what the server answers to the next connection of a purpose, from its session settings on. */
async function delayingProxy(databaseUrl: string) {
  const target = new URL(databaseUrl)
  const sockets = new Set<Socket>()
  let next: { purpose: string; onAnswer(): void } | null = null
  const server: Server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname)
    const held: Buffer[] = []
    let delay: typeof next = null
    let isHolding = false
    client.on('data', (chunk) => {
      if (next && chunk.includes(`latchkey ${next.purpose}`)) {
        delay = next
        next = null
      }
      if (delay && chunk.includes('set search_path')) isHolding = true
      upstream.write(chunk)
    })
    upstream.on('data', (chunk) => {
      if (!isHolding) return void client.write(chunk)
      held.push(chunk)
      delay?.onAnswer()
    })
    client.on('end', () => upstream.end())
    // in one piece: the answer and the message that ends the connection
    upstream.on('end', () => client.end(Buffer.concat(held)))
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => {})
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const url = new URL(databaseUrl)
  url.port = String(typeof address === 'object' ? address?.port : 0)
  return {
    url: url.href,
    /** Resolves when the answer is held: it arrives when the server ends the connection. */
    delayNext: (purpose: string): Promise<void> =>
      new Promise((resolve) => {
        next = { purpose, onAnswer: resolve }
      }),
    close() {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}

describe('a connection that is lost while it is opened', () => {
  let made: TestDatabase
  let proxy: Awaited<ReturnType<typeof delayingProxy>>
  let direct: Database
  let db: Database
  beforeEach(async () => {
    made = await createTestDatabase()
    proxy = await delayingProxy(made.databaseUrl ?? '')
    direct = await openUrl(made.databaseUrl ?? '')
    db = await openUrl(proxy.url)
  })
  afterEach(async () => {
    await Promise.all([db.close(), direct.close()])
    proxy.close()
    await made.drop()
  })

  const uses: readonly [string, () => Promise<unknown>][] = [
    ['transactions', () => db.tx('system', (tx) => sql`select 1`.execute(tx))],
    ['statements', () => sql`select 1`.execute(db.hot)],
    ['listener', () => db.listen('changes', () => {})],
  ]
  test.each(uses)('together with the answer to its settings is not kept: %s', async (purpose, use) => {
    const delayed = proxy.delayNext(purpose)
    const outcome = use().catch((error: unknown) => error)
    await delayed
    await cutConnections(direct, `latchkey ${purpose}`)
    expect(await outcome).toSatisfy(isUnavailable)
    await expect.poll(() => use().then(() => 'works', String)).toBe('works')
  })

  test('for LISTEN again is opened once more, and subscribers are notified only then', async () => {
    const heard: string[] = []
    await db.listen('changes', (payload) => heard.push(payload), {
      onLost: () => heard.push('lost'),
      onBack: () => heard.push('back'),
    })
    const delayed = proxy.delayNext('listener')
    await cutListener(direct)
    await delayed
    await cutListener(direct)
    await expect.poll(() => heard).toEqual(['lost', 'back'])
    await sql`select pg_notify('changes', 'heard')`.execute(db.hot)
    await expect.poll(() => heard).toEqual(['lost', 'back', 'heard'])
  })

  test('because its settings are not answered is given up within seconds', async () => {
    void proxy.delayNext('listener')
    await expect(db.listen('changes', () => {})).rejects.toSatisfy(isUnavailable)
    await db.listen('changes', () => {})
  })
})

describe('a PostgreSQL that cannot be reached', () => {
  test('is unreachable immediately if the connection is refused', async () => {
    const db = await openUrl('postgres://latchkey@127.0.0.1:1/latchkey')
    await expect(sql`select 1`.execute(db.hot)).rejects.toSatisfy(isUnavailable)
    await expect(db.tx('system', async () => {})).rejects.toSatisfy(isUnavailable)
    await expect(db.listen('changes', () => {})).rejects.toSatisfy(isUnavailable)
    expect(await db.isReachable()).toBe(false)
    await db.close()
  })

  test('is unreachable within seconds if there is no answer', async () => {
    const sockets: Socket[] = []
    const silent = createServer((socket) => void sockets.push(socket))
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    const address = silent.address()
    const db = await openUrl(
      `postgres://latchkey@127.0.0.1:${typeof address === 'object' ? address?.port : 0}/latchkey`,
    )
    const begun = performance.now()
    await expect(sql`select 1`.execute(db.hot)).rejects.toSatisfy(isUnavailable)
    expect(performance.now() - begun).toBeLessThan(20_000)
    await db.close()
    for (const socket of sockets) socket.destroy()
    silent.close()
  })
})
