/** What a user of a test has set up as a second factor. */
import { insertFactor } from '../../packages/server/src/core/factors/index.ts'
import type { World } from '../../packages/server/src/testing/world.ts'

/** The secret of every authenticator app. */
export const APP_SECRET = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ'

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
        for (const kind of kinds) {
          const factor = { userId, kind, name: null, confirmed: true }
          const { id: factorId } = await insertFactor(tx, factor, world.clock.now())
          if (kind !== 'totp') continue
          const secret = world.app.tools.keyring.encrypt('totp', APP_SECRET)
          await tx
            .insertInto('totp_secrets')
            .values({ factor_id: factorId, user_id: userId, secret, algorithm: 'SHA1', digits: 6, period: 30, last_step: null })
            .execute() // biome-ignore format: a row
        }
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
