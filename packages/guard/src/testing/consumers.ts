/** For tests: guards of one fake server, created for each test, with the states of their streams. */
import { afterEach, beforeEach } from 'vitest'
import { type LatchkeyOptions, latchkey, type RevocationState } from '../index.ts'
import { type Counterpart, startCounterpart } from './counterpart.ts'
import { type Probe, probe } from './probe.ts'
import { until } from './waiting.ts'

const VALIDATE = '/api/v1/auth/validate'
export let server: Counterpart
export let states: [RevocationState, string | null][]
let consumers: Probe[]

/** Registers the hooks that start and stop the server and the guards. */
export function eachTestHasACounterpart(): void {
  beforeEach(async () => {
    server = await startCounterpart()
    consumers = []
    states = []
  })
  afterEach(async () => {
    for (const { guard } of consumers) guard.close()
    await server.close()
  })
}

export function make(options: Partial<LatchkeyOptions> = {}, now?: () => number): Probe {
  const consumer = probe({
    methods: [latchkey({ issuer: server.issuer, ...options })],
    onState: (state, reason) => void states.push([state, reason]),
    ...(now ? { now } : {}),
  })
  consumers.push(consumer)
  return consumer
}

/** A guard whose revocation stream is connected. */
export async function live(options: Partial<LatchkeyOptions> = {}, now?: () => number): Promise<Probe> {
  const consumer = make({ credential: server.guardCredential, ...options }, now)
  await until(() => consumer.guard.state() === 'connected', 'the line')
  return consumer
}

export const asked = (): number => server.count[VALIDATE] ?? 0
export const statusOf = async (consumer: Probe, token: string): Promise<number> =>
  (await consumer.bearer(token)).status
