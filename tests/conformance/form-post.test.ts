/**
 * The plan `oidcc-formpost-basic-certification-test-plan` of the OpenID conformance suite: the modules of the Basic plan, with
 * answers by `response_mode=form_post`, as a browser without scripts gets them.
 */
import { afterAll, beforeAll, describe, it } from 'vitest'
import { type Person, startWorld, type World } from '../../packages/server/src/testing/world.ts'
import { clientAuthOf, MODULES } from './modules.ts'
import { BASIC } from './plans.ts'
import { RelyingParty } from './relying-party.ts'

let world: World
let operator: Person
beforeAll(async () => {
  world = await startWorld({ rateLimits: 'off', publicUrl: 'https://id.example.com' })
  operator = await world.person({ roles: ['super_admin'] })
})
afterAll(() => world?.stop())

describe('oidcc-formpost-basic-certification-test-plan', () => {
  it.each(BASIC)('%s', async (name) => {
    const clientAuth = clientAuthOf(name)
    await MODULES[name](
      await RelyingParty.create(world, { responseMode: 'form_post', clientAuth }, { operator }),
    )
  })
})
