/**
 * The differential run beside oidc-provider: the same generated requests to both, and the same outcome, but for the listed
 * differences. The seed is fixed, so that a run finds what it found before; others by DIFFERENTIAL_SEED, more by DIFFERENTIAL_RUNS.
 */
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { DIFFERENCES } from './differences.ts'
import { type AuthorizationCase, authorizationCases, parametersOf, VALUES } from './generated.ts'
import { authorize, type Outcome, type Server, startOurs, startTheirs } from './oracle.ts'
import { sendToken, type TokenCase, type TokenOutcome, tokenCases } from './token-cases.ts'
import { CLAIMS_OF_OURS, TOKEN_DIFFERENCES } from './token-differences.ts'

const SEED = Number(process.env.DIFFERENTIAL_SEED ?? 20261127)
const RUNS = Number(process.env.DIFFERENTIAL_RUNS ?? 300)
const options = { seed: SEED, numRuns: RUNS, endOnFailure: true }

let ours: Awaited<ReturnType<typeof startOurs>>
let theirs: Awaited<ReturnType<typeof startTheirs>>
beforeEach(() => {
  // it warns that its keys and forms are those of tests
  for (const method of ['info', 'warn', 'log'] as const)
    vi.spyOn(console, method).mockImplementation(() => {})
})
beforeAll(async () => {
  ours = await startOurs()
  theirs = await startTheirs(ours.subject)
})
afterAll(async () => {
  await ours?.world.stop()
  await theirs?.close()
})

const both = <T>(of: (server: Server) => Promise<T>): Promise<[T, T]> => Promise.all([of(ours), of(theirs)])

describe(`the same request to both (DIFFERENTIAL_SEED=${SEED})`, () => {
  const outcomes = async (one: AuthorizationCase): Promise<[Outcome, Outcome]> => {
    const sent = await both((server) =>
      authorize(server, parametersOf(one), {
        method: one.method,
        browser: one.isSignedIn ? server.browser : server.stranger(),
      }),
    )
    return [sent[0].outcome, sent[1].outcome]
  }
  const explanation = (one: AuthorizationCase, [a, b]: [Outcome, Outcome]): number =>
    DIFFERENCES.findIndex(({ fits }) => fits(Object.fromEntries(parametersOf(one)), a, b, one))
  const USUAL: AuthorizationCase = {
    app: 'ordinary',
    method: 'GET',
    isSignedIn: true,
    changes: [],
    twice: null,
  }

  const SINGLE = Object.entries(VALUES).flatMap(([name, values]) =>
    values.map((value): AuthorizationCase => ({ ...USUAL, changes: [[name, value]] })),
  )

  it('for authorization has the same outcome, but for what is listed', async () => {
    await fc.assert(
      fc.asyncProperty(authorizationCases, async (one) => {
        const found = await outcomes(one)
        if (explanation(one, found) === -1) expect(found[0]).toEqual(found[1])
      }),
      // each single change, and then several at once
      { ...options, numRuns: SINGLE.length + RUNS, examples: SINGLE.map((one) => [one]) },
    )
  })

  it.each(DIFFERENCES.map(({ why, example }, n) => [why, { ...USUAL, ...example }, n] as const))(
    'differs: %s',
    async (_why, one, n) => {
      const found = await outcomes(one)
      expect(found[0]).not.toEqual(found[1])
      expect(explanation(one, found)).toBe(n)
    },
  )

  const compared = (answer: TokenOutcome): TokenOutcome => ({
    ...answer,
    idToken: answer.idToken.filter((name) => !CLAIMS_OF_OURS.includes(name)),
  })

  it('for tokens has the same answer, but for what is listed', async () => {
    await fc.assert(
      fc.asyncProperty(tokenCases, async (one) => {
        const [a, b] = await both((server) => sendToken(server, one))
        if (TOKEN_DIFFERENCES.some(({ fits }) => fits(one, a, b))) return
        expect(compared(a)).toEqual(compared(b))
      }),
      { ...options, numRuns: Math.ceil(RUNS / 2) },
    )
  })

  it.each(TOKEN_DIFFERENCES.map(({ why, example, fits }) => [why, example, fits] as const))(
    'differs: %s',
    async (_why, one: TokenCase, fits) => {
      const [a, b] = await both((server) => sendToken(server, one))
      expect(a).not.toEqual(b)
      expect(fits(one, a, b)).toBe(true)
    },
  )
})
