/**
 * Signing keys rotated every ten seconds by the CLI while a guard checks 300 tokens a second, of the latest key and of
 * earlier ones. The keys sign immediately, without the lead in which guards fetch them: only the stream announces them.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { Row } from '../harness/bench.ts'
import { ISSUER, type Latchkey, startLatchkey } from '../harness/latchkey.ts'
import { guardKey } from '../harness/population.ts'
import { ask } from '../harness/process.ts'
import { accessToken } from '../harness/tokens.ts'

const ROTATIONS = 3
const EVERY = 10_000
const PER_SECOND = 300
/** Milliseconds between two new tokens. */
const NEW_EVERY = 50

export const keyRotation: Row = {
  name: 'key-rotation',
  title: `Keys rotated every ${EVERY / 1000} s under ${PER_SECOND} requests a second`,
  async measure(bench) {
    const { url } = await bench.latchkey()
    const server = await startLatchkey({
      core: bench.cores.server,
      databaseUrl: url,
      dataDir: await bench.folder(),
      env: { LATCHKEY_KEY_LEAD: '0s', LATCHKEY_SMTP_URL: await bench.smtpUrl() },
    })
    try {
      const guarded = await bench.listener('guarded', ISSUER, `http://127.0.0.1:${server.port}`, guardKey())
      const load = steady(guarded.port, server)
      await pause(EVERY / 4)
      for (let rotation = 0; rotation < ROTATIONS; rotation++) {
        await Promise.all([server.command('keys', 'rotate'), pause(EVERY)])
      }
      const { tokens, answers, slowest } = await load.end()
      const kids = new Set(tokens.map(kidOf))
      if (kids.size <= ROTATIONS) throw new Error(`only ${kids.size} keys signed`)
      const { state } = await ask<{ state: string }>(guarded, {})
      const passed = answers.get('200') ?? 0
      const all = [...answers.values()].reduce((a, b) => a + b, 0)
      const others = [...answers].filter(([answer]) => answer !== '200')
      return {
        measured: [],
        figures: [
          { what: 'failed verifications', value: all - passed, unit: '', atMost: 0 },
          { what: 'slowest answer', value: slowest, unit: 'ms' },
        ],
        notes: [
          `${all} requests with ${tokens.length} tokens under ${kids.size} keys; the guard is ${state}`,
          ...others.map(([answer, times]) => `${times} × ${answer}`),
        ],
      }
    } finally {
      await server.stop()
    }
  },
}

/** Requests at a steady rate, every other with the latest token, while new ones are issued. */
function steady(port: number, server: Latchkey) {
  const tokens: string[] = []
  const answers = new Map<string, number>()
  const underWay = new Set<Promise<void>>()
  let slowest = 0
  let sent = 0
  let isOver = false
  let began = 0

  async function send(token: string): Promise<void> {
    const sentAt = performance.now()
    const answer = await fetch(`http://127.0.0.1:${port}/invoices`, {
      headers: { authorization: `Bearer ${token}` },
    })
      .then(async (response) => {
        const code = /"code":"(\w+)"/.exec(await response.text())?.[1]
        return [response.status, code].filter(Boolean).join(' ')
      })
      .catch((error: unknown) => String(error))
    slowest = Math.max(slowest, performance.now() - sentAt)
    answers.set(answer, (answers.get(answer) ?? 0) + 1)
  }
  const supply = (async () => {
    for (let i = 0; !isOver; i++) {
      tokens.push(await accessToken(server.port, i))
      await pause(NEW_EVERY)
    }
  })()
  const timer = setInterval(() => {
    if (tokens.length === 0) return
    began ||= performance.now()
    for (const due = ((performance.now() - began) / 1000) * PER_SECOND; sent < due; sent++) {
      const token = sent % 2 ? tokens[(sent * 7919) % tokens.length] : tokens.at(-1)
      const one = send(token ?? '').finally(() => underWay.delete(one))
      underWay.add(one)
    }
  }, 5)
  return {
    async end() {
      isOver = true
      clearInterval(timer)
      await Promise.all([supply, ...underWay])
      return { tokens, answers, slowest }
    },
  }
}

const kidOf = (token: string): unknown =>
  (JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()) as { kid: unknown }).kid
