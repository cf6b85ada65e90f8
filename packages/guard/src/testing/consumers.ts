/** Guards of one counterpart, new for every test: what they are told of their line, and how often the server is asked. */
import { afterEach, beforeEach } from 'vitest'
import { type LatchkeyOptions, latchkey, type RevocationState } from '../index.ts'
import { type Counterpart, startCounterpart } from './counterpart.ts'
import { type Probe, probe } from './probe.ts'
import { until } from './waiting.ts'

const VALIDATE = '/api/v1/auth/validate'
export let server: Counterpart
export let states: [RevocationState, string | null][]
let consumers: Probe[]

/** Registers the hooks that start and end all of it. */
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

/** One whose line for revocations is up. */
export async function live(options: Partial<LatchkeyOptions> = {}, now?: () => number): Promise<Probe> {
  const consumer = make({ credential: server.guardCredential, ...options }, now)
  await until(() => consumer.guard.state() === 'connected', 'the line')
  return consumer
}

export const asked = (): number => server.count[VALIDATE] ?? 0
export const statusOf = async (consumer: Probe, token: string): Promise<number> =>
  (await consumer.bearer(token)).status
