import { Agent, request } from 'node:http'
import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { Row } from '../row/route.ts'
import { route, serve } from '../testing.ts'

const open = {
  open: 'a test',
  quiet: 'a test',
  tag: 'Test',
  method: 'GET',
  input: z.object({}),
  output: z.null(),
  summary: 'Test',
} as const

/** A row whose answer the test releases. */
function slowRow(): { row: Row; started: Promise<void>; finish: () => void } {
  let finish = () => {}
  let start = () => {}
  const started = new Promise<void>((resolve) => {
    start = resolve
  })
  const finished = new Promise<void>((resolve) => {
    finish = resolve
  })
  const run = async () => {
    start()
    await finished
    return { data: null }
  }
  return {
    row: route({ ...open, name: 'slow', path: '/api/v1/slow', run }) as Row,
    started,
    finish: () => finish(),
  }
}

describe('closing', () => {
  it('waits for running requests, closes their connections, and accepts no new ones', async () => {
    const { row, started, finish } = slowRow()
    const server = await serve([row])
    const idle = connect(server.port, '127.0.0.1')
    const idleClosed = new Promise((resolve) => idle.on('close', resolve))
    await new Promise((resolve) => idle.on('connect', resolve))
    const running = server.ask('/api/v1/slow')
    await started
    const closed = server.close()
    await idleClosed
    await expect(fetch(server.url)).rejects.toThrow()
    finish()
    const { status, headers } = await running
    expect([status, headers.get('connection')]).toEqual([200, 'close'])
    await closed
    await server.close()
  })

  it('aborts requests that do not end within the bound', async () => {
    const { row, started } = slowRow()
    const server = await serve([row], { bounds: { drainTimeout: 200 } })
    const running = server.ask('/api/v1/slow')
    running.catch(() => {})
    await started
    const before = server.clock.ticks()
    await server.close()
    expect(server.clock.ticks() - before).toBeLessThan(3000)
    await expect(running).rejects.toThrow()
  })
})

describe('a server that announces its end', () => {
  it('is not ready, and serves requests on new and on kept connections; then refuses connections, and closes each after its answer', async () => {
    const { row, started, finish } = slowRow()
    const server = await serve([row], { bounds: { announcement: 600 } })
    const running = server.ask('/api/v1/slow')
    await started
    const kept = new Agent({ keepAlive: true, maxSockets: 1 })
    const ask = () => keptRequest(server.port, kept)
    expect(await ask()).toEqual({ status: 200, connection: 'keep-alive', reused: false })
    let isClosed = false
    const closed = server.close().then(() => {
      isClosed = true
    })
    const ready = await fetch(`${server.url}/readyz`)
    expect(ready.status).toBe(503)
    expect((await ready.json()).error.details).toEqual({ checks: { running: false } })
    expect(await ask()).toEqual({ status: 200, connection: 'keep-alive', reused: true })
    await expect.poll(() => connects(server.port), { interval: 20 }).toBe(false)
    expect(isClosed).toBe(false)
    expect(await ask()).toEqual({ status: 200, connection: 'close', reused: true })
    await expect(ask()).rejects.toThrow('ECONNREFUSED')
    finish()
    expect((await running).headers.get('connection')).toBe('close')
    await closed
  })

  it('closes a connection on which no request arrives', async () => {
    const server = await serve([], { bounds: { announcement: 50 } })
    const idle = connect(server.port, '127.0.0.1')
    const idleClosed = new Promise((resolve) => idle.on('close', resolve))
    await new Promise((resolve) => idle.on('connect', resolve))
    await server.close()
    await idleClosed
  })
})

/** `GET /healthz` through an agent. */
const keptRequest = (port: number, agent: Agent) =>
  new Promise<{ status: number | undefined; connection: string | undefined; reused: boolean }>(
    (resolve, reject) => {
      const req = request({ host: '127.0.0.1', port, path: '/healthz', agent }, (res) => {
        res.resume().on('end', () => {
          const { statusCode: status, headers } = res
          resolve({ status, connection: headers.connection, reused: req.reusedSocket })
        })
      })
      req.on('error', reject).end()
    },
  )

/** Whether the port accepts a connection. */
const connects = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true))
    socket.on('connect', () => socket.destroy()).on('error', () => resolve(false))
  })

describe('a request on an open connection while the server closes', () => {
  it('is answered, and the connection is closed', async () => {
    const { row, started, finish } = slowRow()
    const server = await serve([row])
    const both = server.raw(
      'GET /api/v1/slow HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n',
      { silence: 3000 },
    )
    await started
    const closed = server.close()
    setTimeout(finish, 100)
    const text = await both
    expect(text.match(/HTTP\/1\.1 200 OK/g)?.length).toBeGreaterThanOrEqual(1)
    expect(text).toMatch(/connection: close/i)
    await closed
  })
})

describe('an answer that cannot be made', () => {
  it('is a 500 in the envelope, and the server answers the next request', async () => {
    const body = (): string => {
      throw new Error('no body')
    }
    const server = await serve([], {
      assets: [{ path: '/broken', type: 'text/plain', body, immutable: false }],
    })
    const broken = await server.ask('/broken')
    expect([broken.status, broken.json.error.code]).toEqual([500, 'INTERNAL_ERROR'])
    expect(server.logged.filter(({ level }) => level === 'error')).toHaveLength(1)
    expect((await server.ask('/healthz')).status).toBe(200)
  })
})

describe('the route table', () => {
  it('refuses two rows with the same method and path', async () => {
    const row = (name: string) =>
      route({ ...open, name, path: '/api/v1/same', run: async () => ({ data: null }) }) as Row
    await expect(serve([row('a'), row('b')])).rejects.toThrow('two rows answer GET /api/v1/same')
  })
})
