/**
 * Proof of work before a refusal: a client whose address has used up the limit of a sensitive operation may solve a
 * challenge, and its request then counts in a second window of the same size. A challenge is stateless: its expiry, salt
 * and difficulty under a MAC that binds it to the address and the operation. Solving needs no third party and no state of
 * the client; a browser does it in a worker (base/page/solver.ts).
 *
 * Invariant: a challenge is used once, counted by the store of the exact limits, and only by the address and for the
 * operation that it was made for. It says nothing about accounts.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import type { Config } from '../../../config.ts'
import type { Call } from '../../call.ts'
import { later } from '../../clock.ts'
import { type Keyring, sha256 } from '../../crypto.ts'
import { described, EXAMPLE_LATER, textField, timeField } from '../../described.ts'
import type { LimitWindow, RateLimits } from '../../limits/index.ts'
import { type Operation, operation } from '../row/operation.ts'
import { type Row, route } from '../row/route.ts'
import { addressKey } from './address.ts'

/** The name of the field in forms; a program sends the header. */
export const CHALLENGE_FIELD = 'challenge'
export const CHALLENGE_HEADER = 'x-latchkey-challenge'

/** What a client solves: as `details.challenge` of a 429, and as the answer of `GET auth/challenge`. */
export interface ChallengeOffer {
  challenge: string
  difficulty: number
  algorithm: 'sha-256'
  expires_at: string
}

type Caller = Pick<Call, 'ip' | 'now'>

export interface Challenges {
  /** A new challenge; the more an address has solved within the last hour, the harder. */
  offer(operation: string, caller: Caller): ChallengeOffer
  /**
   * Checks a solution, without using it up.
   * @returns the windows in which it is used up together with the request; null if it is not valid
   */
  check(solution: string, operation: string, caller: Caller): readonly LimitWindow[] | null
}

const LIFETIME = 10 * 60_000
const HOUR = 3_600_000
const EASIEST = 16
const HARDEST = 22
/** Far above what one address can solve in an hour at the highest difficulty. */
const MOST_SOLVED = 10_000

const EXPIRY_BYTES = 6
const SALT_BYTES = 12
const HEAD_BYTES = EXPIRY_BYTES + SALT_BYTES + 1
const MAC_BYTES = 16
/** `<challenge>.<nonce>`: 35 bytes in base64url, and a text that the client chooses. */
const SOLUTION = /^([A-Za-z0-9_-]{47})\.[A-Za-z0-9_-]{1,32}$/

export function createChallenges({
  keyring,
  limits,
}: {
  keyring: Pick<Keyring, 'mac' | 'macs'>
  limits: Pick<RateLimits, 'exact'>
}): Challenges {
  const signedText = (head: Buffer, operation: string, ip: string | null): string =>
    `${head.toString('base64url')}\n${addressKey(ip)}\n${operation}`

  function difficultyFor(caller: Caller): number {
    const [known] = limits.exact.look([solvedBy(caller)], caller.now)
    const solved = known ? known.limit - known.remaining : 0
    return Math.min(HARDEST, EASIEST + Math.floor(Math.log2(1 + solved)))
  }

  return {
    offer(operation, caller) {
      const difficulty = difficultyFor(caller)
      const expiry = later(caller.now, LIFETIME)
      const head = Buffer.concat([Buffer.alloc(EXPIRY_BYTES), randomBytes(SALT_BYTES), Buffer.of(difficulty)])
      head.writeUIntBE(expiry.getTime(), 0, EXPIRY_BYTES)
      const mac = keyring.mac('challenges', signedText(head, operation, caller.ip)).subarray(0, MAC_BYTES)
      return {
        challenge: Buffer.concat([head, mac]).toString('base64url'),
        difficulty,
        algorithm: 'sha-256',
        expires_at: expiry.toISOString(),
      }
    },
    check(solution, operation, caller) {
      const challenge = SOLUTION.exec(solution)?.[1]
      if (challenge === undefined) return null
      const bytes = Buffer.from(challenge, 'base64url')
      const head = bytes.subarray(0, HEAD_BYTES)
      const mac = bytes.subarray(HEAD_BYTES)
      const accepted = keyring.macs('challenges', signedText(head, operation, caller.ip))
      if (!accepted.some((one) => timingSafeEqual(one.subarray(0, MAC_BYTES), mac))) return null
      if (head.readUIntBE(0, EXPIRY_BYTES) <= caller.now.getTime()) return null
      // a challenge that was fetched ahead is not easier for that; one step may have been taken while it was solved
      const difficulty = Math.max(head[HEAD_BYTES - 1] ?? HARDEST, difficultyFor(caller) - 1)
      if (leadingZeros(sha256(solution)) < difficulty) return null
      // the bytes and not the text: base64url has several spellings of them
      const used = { key: `challenge ${bytes.toString('hex')}`, max: 1, milliseconds: LIFETIME }
      return [used, solvedBy(caller)]
    },
  }
}

const solvedBy = ({ ip }: Caller): LimitWindow => ({
  key: `challenges ${addressKey(ip)}`,
  max: MOST_SOLVED,
  milliseconds: HOUR,
})

/** The number of zero bits before the first one. */
function leadingZeros(bytes: Buffer): number {
  let zeros = 0
  for (const byte of bytes) {
    if (byte !== 0) return zeros + Math.clz32(byte) - 24
    zeros += 8
  }
  return zeros
}

const getChallenge = operation({
  name: 'auth.challenge',
  summary: 'Get a challenge to solve before a request that would be refused',
  open: 'it is for callers whose address has used up a limit',
  quiet: 'changes nothing',
  limit: { by: 'ip', max: 60, per: '1m' },
})

/** Whether requests of the operation may be repeated with a solved challenge. */
export const isChallenged = ({ limit }: { limit?: Operation['limit'] | undefined }): boolean =>
  [limit ?? []].flat().some(({ by, exact }) => by === 'ip' && exact === true)

/** `GET auth/challenge`; app.ts puts it in the table, with all other rows to name their operations. */
export function challengeRows(
  tools: { config: Pick<Config, 'challenge'>; keyring: Keyring; limits: RateLimits },
  rows: readonly Row[],
): Row[] {
  if (tools.config.challenge === 'off') return []
  const challenges = createChallenges(tools)
  const names = [...new Set(rows.filter(isChallenged).map((row) => row.of.name))].sort()
  return [
    route({
      of: getChallenge,
      name: 'auth.challenge',
      method: 'GET',
      path: '/api/v1/auth/challenge',
      description:
        'A 429 of a sensitive operation has such a challenge in `details.challenge`. Find a text of the characters A–Z, a–z, 0–9, `-` and `_`, of at most 32 characters, so that the SHA-256 of `<challenge>.<text>` begins with `difficulty` zero bits, and repeat the request with `<challenge>.<text>` in the header `X-Latchkey-Challenge` (in a form: in the field `challenge`). Such a request counts in a second window of the same size. A challenge is valid once, for this operation and this address.',
      tag: 'Authentication',
      message: 'Challenge issued.',
      input: z.object({
        operation: described(
          z.enum(names as [string, ...string[]]),
          'The operation whose limit is used up.',
          'auth.login',
        ),
      }),
      output: z.object({
        challenge: textField('What is hashed, with a dot and a text of the client.', EXAMPLE_CHALLENGE),
        difficulty: described(z.int(), 'The zero bits with which the hash has to begin.', EASIEST),
        algorithm: described(z.literal('sha-256'), 'The hash that the solution needs.', 'sha-256'),
        expires_at: timeField('When the challenge expires.', EXAMPLE_LATER),
      }),
      run: async (call, input) => ({ data: challenges.offer(input.operation, call) }),
    }),
  ]
}

const EXAMPLE_CHALLENGE = 'AZt2bW8ApHq0v3m1c9Zx5k7fEBy8Jd3sQWe4rTt6UuZ2oPp'
