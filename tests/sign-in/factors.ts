/** What a user of a test has set up as a second factor. */
import { insertFactor } from '../../packages/server/src/core/factors/index.ts'
import type { World } from '../../packages/server/src/testing/world.ts'

type Kind = 'totp' | 'passkey'

interface SetUp {
  (world: World, user: { id: string }): Promise<void>
  /** The methods that continue a sign-in by password. */
  methods: readonly string[]
}

const setUp = (kinds: readonly Kind[], methods: readonly string[]): SetUp =>
  Object.assign(
    (world: World, { id: userId }: { id: string }) =>
      world.db.tx('system', async (tx) => {
        for (const kind of kinds)
          await insertFactor(tx, { userId, kind, name: null, confirmed: true }, world.clock.now())
      }),
    { methods },
  )

export const FACTORS = {
  nothing: setUp([], []),
  totp: setUp(['totp'], ['totp']),
  passkey: setUp(['passkey'], ['passkey']),
  both: setUp(['totp', 'passkey'], ['passkey', 'totp']),
} as const
export type FactorName = keyof typeof FACTORS
