/** The counter of wrong second factors, on a database: what raises it, and what clears it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Call, systemCall } from '../../../base/call.ts'
import { isUnavailable } from '../../../base/db/index.ts'
import { Problem } from '../../../base/errors.ts'
import { type Person, startWorld, type World } from '../../../testing/world.ts'
import { forgetGuesses, type Guess, liftLockout, lockGuesses, openGuess, recordFailedGuess } from './index.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.stop())

const callFrom = (ip: string): Call => ({ ...systemCall(world.clock.now()), ip })
const open = (owner: Person, call: Call, second: 'totp' | 'backup_code' | null = 'totp'): Promise<Guess> =>
  openGuess(world.app.tools, world.db.hot, call, {
    identifier: owner.id,
    owner: { id: owner.id, username: null },
    device: null,
    method: 'password',
    second,
    signIn: null,
  })

/** A wrong code. @returns `details` of the refusal, or the seconds of a lock-out */
async function guess(owner: Person, ip = '192.0.2.1'): Promise<number | 'locked'> {
  const call = callFrom(ip)
  const opened = await open(owner, call)
  if (opened.lockedUntil) return 'locked'
  const refused = await recordFailedGuess(world.app.tools, call, opened, 'wrong_code')
  if (refused.code === 'ACCOUNT_LOCKED') return 'locked'
  return (refused.details as { attempts_remaining: number }).attempts_remaining
}
/** A right one, or a right password where `second` is null. @returns whether it was refused */
async function succeed(owner: Person, second: 'totp' | 'backup_code' | null = 'totp'): Promise<boolean> {
  const call = callFrom('192.0.2.77')
  const opened = await open(owner, call, second)
  if (opened.lockedUntil) return true
  return await world.db.tx('system', async (tx) => {
    const failures = await lockGuesses(tx, call, opened)
    if (await failures.findRefusal()) return true
    await failures.clear()
    return false
  })
}
const address = (n: number) => `198.51.${Math.floor(n / 250)}.${n % 250}`
const lockSeconds = async (owner: Person): Promise<number> => {
  const { lockedUntil } = await open(owner, callFrom('192.0.2.200'))
  return lockedUntil ? (lockedUntil.getTime() - world.clock.now().getTime()) / 1000 : 0
}

describe('wrong second factors', () => {
  it('lock the account for every address, with exactly five outcomes among 500 parallel guesses', async () => {
    const owner = await world.person()
    // a busy machine sheds a guess that gets no connection in time: it has no outcome (tests/lock-out.test.ts)
    const shed = (error: unknown) => {
      if (!isUnavailable(error)) throw error
      return 'shed' as const
    }
    const answers = await Promise.all(
      Array.from({ length: 500 }, (_, n) => guess(owner, address(n)).catch(shed)),
    )
    expect(answers.filter((answer) => typeof answer === 'number').sort()).toEqual([0, 1, 2, 3, 4])
    expect(await guess(owner, '203.0.113.9')).toBe('locked')
    expect(await succeed(owner)).toBe(true)
    // a stranger does not know the password, and the password is not locked elsewhere
    expect(await succeed(owner, null)).toBe(false)
  })

  it('are refused with a sentence about the second factor, and recorded with the first proof', async () => {
    const owner = await world.person()
    const call = callFrom('192.0.2.1')
    const refused = await recordFailedGuess(world.app.tools, call, await open(owner, call), 'wrong_code')
    expect(refused).toBeInstanceOf(Problem)
    expect([refused.status, refused.message]).toEqual([401, 'The second factor was not accepted.'])
    const [event] = await world.db.hot
      .selectFrom('audit_events')
      .select('details')
      .where('user_id', '=', owner.id)
      .where('event_type', '=', 'auth.login.failure')
      .execute()
    expect(event?.details).toEqual({
      login_method: 'password',
      mfa_used: false,
      second_factor: 'totp',
      reason: 'wrong_code',
    })
  })

  it('stay counted after a right password, a reset by mailbox and a pause; a right second factor clears them', async () => {
    const owner = await world.person()
    const call = callFrom('192.0.2.1')
    for (let round = 0; round < 3; round++) {
      expect(await guess(owner)).toBe(4 - round)
      expect(await succeed(owner, null)).toBe(false)
      await world.db.tx('system', (tx) =>
        liftLockout(world.app.tools, tx, call, { id: owner.id, username: null }),
      )
    }
    expect(await guess(owner, '203.0.113.1')).toBe(1)
    expect(await succeed(owner)).toBe(false)
    expect(await guess(owner, '203.0.113.2')).toBe(4)
  })

  it('lock for twice as long each time, and after 100 refuse codes until another factor is proven', async () => {
    const owner = await world.person()
    const durations: number[] = []
    let answered = 0
    for (let n = 0; answered < 100; n++) {
      const answer = await guess(owner, address(n))
      if (answer !== 'locked') answered += 1
      if (answer === 0 || answer === 'locked') {
        const seconds = await lockSeconds(owner)
        if (answered < 100) durations.push(Math.round(seconds))
        await world.clock.advance(`${Math.ceil(seconds)} seconds`)
      }
    }
    expect(durations.slice(0, 7)).toEqual([15, 30, 60, 120, 240, 480, 960].map((minutes) => minutes * 60))
    // weeks later, and after the purge
    await world.clock.advance('30 days')
    expect(await guess(owner)).toBe('locked')
    expect(await succeed(owner, 'totp')).toBe(true)
    expect(await succeed(owner, 'backup_code')).toBe(false)
    expect(await guess(owner, '203.0.113.3')).toBe(4)
  })

  it('are forgotten by an administrator', async () => {
    const owner = await world.person()
    for (let n = 0; n < 5; n++) await guess(owner, address(n))
    expect(await guess(owner)).toBe('locked')
    await world.db.tx('system', (tx) => forgetGuesses(world.app.tools, tx, owner))
    expect(await guess(owner)).toBe(4)
  })

  it('tell the owner by one e-mail that another person may know the password', async () => {
    const owner = await world.person()
    for (let n = 0; n < 5; n++) await guess(owner, address(n))
    await world.clock.advance('1 minute')
    const subjects = (await world.mailbox.emailsTo(owner.email)).map(({ subject }) => subject)
    expect(subjects.filter((subject) => subject.startsWith('Wrong second factors'))).toHaveLength(1)
  })
})
