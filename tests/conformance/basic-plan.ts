/** The modules of the Basic plan as tests, by either response mode, with clients that an operator has added. */
import { afterAll, beforeAll, describe, it } from 'vitest'
import { type Person, startWorld, type World } from '../../packages/server/src/testing/world.ts'
import { clientAuthOf, MODULES } from './modules.ts'
import { BASIC } from './plans.ts'
import { RelyingParty } from './relying-party.ts'

/** @param plan its name in the conformance suite */
export function describeBasicPlan(plan: string, responseMode: 'default' | 'form_post'): void {
  let world: World
  let operator: Person
  beforeAll(async () => {
    world = await startWorld({ rateLimits: 'off', publicUrl: 'https://id.example.com' })
    operator = await world.person({ roles: ['super_admin'] })
  })
  afterAll(() => world?.stop())

  describe(plan, () => {
    it.each(BASIC)('%s', async (name) => {
      const settings = { responseMode, clientAuth: clientAuthOf(name) }
      await MODULES[name](await RelyingParty.create(world, settings, { operator }))
    })
  })
}
