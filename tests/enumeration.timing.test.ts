/** Whether an account exists cannot be inferred from the time that an answer takes either. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { World } from '../packages/server/src/testing/world.ts'
import { DISABLED, DOORS, type Door, KNOWN, NOBODY, PENDING, populated } from './enumeration/asking.ts'

let world: World
beforeAll(async () => {
  world = await populated()
})
afterAll(() => world.stop())

describe('the same time', () => {
  /** The chance that a sample of `a` took longer than one of `b`: 0.5 when nobody can tell (Mann–Whitney). */
  function chanceOfLonger(a: readonly number[], b: readonly number[]): number {
    let longer = 0
    for (const x of a) for (const y of b) longer += x > y ? 1 : x === y ? 0.5 : 0
    return longer / (a.length * b.length)
  }

  it('is told apart by this very test where it differs', () => {
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
  /** With equal times the chance strays from a half by 0.053 (one deviation) at 60 samples each. */
  const TELLING = 0.2

  /** In turns, in an order that chance decides, so that what else the machine does hits all alike. */
  async function sampled(ask: Door['ask'], identifiers: readonly string[]): Promise<Map<string, number[]>> {
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
        // what follows after the answer is not part of it
        await world.app.settle()
      }
    }
    return times
  }

  const TIMED = [
    { name: 'login', about: [KNOWN, PENDING, DISABLED] },
    { name: 'register', about: [KNOWN] },
    { name: 'forgot', about: [KNOWN, DISABLED] },
    { name: 'resend', about: [KNOWN, PENDING] },
  ]

  it.each(TIMED)('of $name for $about and for nobody', { timeout: 180_000 }, async ({ name, about }) => {
    const door = DOORS.find((one) => one.name === name)
    if (!door) throw new Error(`no door ${name}`)
    for (const identifier of [...about, NOBODY]) await door.ask(world.client(), identifier)
    // a difference that is there shows again; a coincidence, of one in ten thousand, does not
    let telling: readonly string[] = about
    const chances: string[] = []
    for (let round = 0; round < 2 && telling.length > 0; round += 1) {
      const times = await sampled(door.ask, [...telling, NOBODY])
      telling = telling.filter((identifier) => {
        const chance = chanceOfLonger(times.get(identifier) ?? [], times.get(NOBODY) ?? [])
        chances.push(`${identifier} takes longer in ${chance.toFixed(2)}`)
        return Math.abs(chance - 0.5) > TELLING
      })
    }
    expect(telling, chances.join(', ')).toEqual([])
  })
})
