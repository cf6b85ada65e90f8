/** User enumeration by timing: the time of an answer does not disclose whether an account exists. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { World } from '../packages/server/src/testing/world.ts'
import {
  DISABLED,
  ENDPOINTS,
  type Endpoint,
  KNOWN,
  PENDING,
  startPopulated,
  unknownAlike,
  WITH_APP,
  WITH_PASSKEY,
} from './enumeration/accounts.ts'

let world: World
beforeAll(async () => {
  world = await startPopulated()
})
afterAll(() => world.stop())

describe('the same time', () => {
  /** The chance that a sample of `a` took longer than one of `b`: 0.5 if they do not differ (Mann–Whitney). */
  function chanceOfLonger(a: readonly number[], b: readonly number[]): number {
    let longer = 0
    for (const x of a) for (const y of b) longer += x > y ? 1 : x === y ? 0.5 : 0
    return longer / (a.length * b.length)
  }

  it('is distinguished from a different time by this test', () => {
    const noise = Array.from({ length: 60 }, (_, n) => 40 + ((n * 7919) % 60) / 6)
    expect(chanceOfLonger(noise, noise)).toBeCloseTo(0.5, 5)
    expect(
      chanceOfLonger(
        noise.map((time) => time + 6),
        noise,
      ),
    ).toBeGreaterThan(0.85)
  })

  const SAMPLES = 60
  /** For equal times the chance deviates from a half by 0.053 (one standard deviation) at 60 samples each. */
  const SIGNIFICANT = 0.2

  /** Interleaved in a random order, so that other load on the machine affects all alike. */
  async function sampled(
    ask: Endpoint['ask'],
    identifiers: readonly string[],
  ): Promise<Map<string, number[]>> {
    const times = new Map(identifiers.map((identifier) => [identifier, [] as number[]]))
    for (let n = 0; n < SAMPLES; n += 1) {
      const order = identifiers
        .map((identifier) => ({ identifier, at: Math.random() }))
        .sort((a, b) => a.at - b.at)
      for (const { identifier } of order) {
        const client = world.client()
        const begun = performance.now()
        await ask(client, identifier)
        times.get(identifier)?.push(performance.now() - begun)
        // work after the answer is not part of the time
        await world.app.settle()
      }
    }
    return times
  }

  const TIMED = [
    { name: 'login', about: [KNOWN, PENDING, DISABLED, WITH_APP] },
    { name: 'register', about: [KNOWN] },
    { name: 'forgot', about: [KNOWN, DISABLED, WITH_APP] },
    { name: 'resend', about: [KNOWN, PENDING] },
    { name: 'magic link', about: [KNOWN, DISABLED, WITH_APP] },
    { name: 'code by e-mail', about: [KNOWN, PENDING, WITH_APP] },
    { name: 'a wrong code', about: [KNOWN] },
    { name: 'the passkeys of an account', about: [KNOWN, WITH_PASSKEY, WITH_APP] },
  ]

  it.each(TIMED)(
    'of $name for $about and for an unknown account',
    { timeout: 180_000 },
    async ({ name, about }) => {
      const endpoint = ENDPOINTS.find((one) => one.name === name)
      if (!endpoint) throw new Error(`no endpoint ${name}`)
      const unknown = new Map<string, string>()
      for (const identifier of about) unknown.set(identifier, await unknownAlike(world, endpoint, identifier))
      const counterpart = (identifier: string) => unknown.get(identifier) ?? ''
      for (const identifier of [...about, ...unknown.values()]) await endpoint.ask(world.client(), identifier)
      // a real difference shows in a second round; a coincidence (one in ten thousand) does not
      let different: readonly string[] = about
      const chances: string[] = []
      for (let round = 0; round < 2 && different.length > 0; round += 1) {
        const times = await sampled(endpoint.ask, [
          ...new Set(different.flatMap((identifier) => [identifier, counterpart(identifier)])),
        ])
        different = different.filter((identifier) => {
          const chance = chanceOfLonger(times.get(identifier) ?? [], times.get(counterpart(identifier)) ?? [])
          chances.push(`${identifier} takes longer in ${chance.toFixed(2)}`)
          return Math.abs(chance - 0.5) > SIGNIFICANT
        })
      }
      expect(different, chances.join(', ')).toEqual([])
    },
  )
})
