/** An authenticator app in a test: set up through the API, and showing codes by the clock of the world. */
import { fromBase32 } from '../base/base32.ts'
import { hotp, stepAt } from '../features/signin/totp/otp.ts'
import type { Client } from './client.ts'
import type { World } from './world.ts'

const SETTINGS = { algorithm: 'SHA1', digits: 6, period: 30 } as const

export interface TestAuthenticator {
  factorId: string
  secret: string
  backupCodes: string[]
  /** A code that was not shown before: moves the clock to the next step. */
  next(): Promise<string>
}

/** The code of the step that is so many after the current one. */
export const codeOf = (world: Pick<World, 'clock'>, secret: string, after = 0): string =>
  hotp(fromBase32(secret), stepAt(world.clock.now(), SETTINGS.period) + after, SETTINGS)

/** Sets up an authenticator app for the user who is signed in, whose second factor is then required. */
export async function enrolAuthenticator(
  world: Pick<World, 'clock'>,
  client: Client,
  wish: { backup_codes?: boolean; name?: string } = {},
): Promise<TestAuthenticator> {
  const begun = await client.post('/api/v1/auth/mfa/enable', { method: 'totp', ...wish })
  if (begun.status !== 200) throw new Error(`enable: ${begun.text}`)
  const { secret, factor_id: factorId, backup_codes: backupCodes } = begun.data
  const body = { code: codeOf(world, secret), factor_id: factorId }
  const confirmed = await client.post('/api/v1/auth/mfa/confirm', body)
  if (confirmed.status !== 200) throw new Error(`confirm: ${confirmed.text}`)
  return {
    factorId,
    secret,
    backupCodes,
    async next() {
      await world.clock.advance('30 seconds')
      return codeOf(world, secret)
    },
  }
}
