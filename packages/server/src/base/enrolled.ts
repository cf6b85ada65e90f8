/**
 * What a user must have proven recently before changing how they sign in (`fresh: { acr: 'enrolled' }`), and before a demanded
 * factor is set up: as much as a sign-in of theirs requires. Pure functions, tested as a table. A factor that is lost does
 * not raise what is required, because another one completes a sign-in as well; one that is refused does not lower it.
 */
import {
  type Acr,
  acrOf,
  continuingOf,
  countingProofs,
  isStrong,
  type Judged,
  meetsOwnFactors,
  prospective,
  type SecondMethod,
  type SignInFacts,
  type StoredProof,
  unproven,
  usableMethods,
} from './assurance.ts'
import { type Blocked, findBlocked } from './refused-factors.ts'

const hasStrong = ({ factors }: SignInFacts): boolean => factors.some(isStrong)

/** That proofs complete a sign-in, by two factors where a strong one is enrolled. */
const isComplete = (proofs: readonly Judged[], facts: SignInFacts): boolean =>
  meetsOwnFactors(proofs, facts.factors, facts.refused) && (!hasStrong(facts) || acrOf(proofs) !== 'aal1')

/** Of an account that cannot prove two factors, such as one without a password: that its second factor is among the proofs. */
const hasSecond = (proofs: readonly Judged[], facts: SignInFacts): boolean =>
  !hasStrong(facts) ||
  proofs.some(({ channel }) => channel === 'app' || channel === 'codes' || channel === 'key')

const all = (facts: SignInFacts) => prospective(usableMethods(facts))
const unrefused = (facts: SignInFacts): SignInFacts => ({ ...facts, refused: [] })
const canComplete = (facts: SignInFacts): boolean => isComplete(all(unrefused(facts)), unrefused(facts))

/**
 * Whether proofs are as much as a sign-in of the user requires. A remembered device does not count, nor does an organization
 * that is no authority for the account.
 */
export function provesEnrolled(given: readonly Judged[], facts: SignInFacts): boolean {
  const proofs = countingProofs(given, facts).filter(({ channel }) => channel !== 'device')
  if (proofs.length === 0 && given.length > 0) return false
  return (canComplete(facts) ? isComplete : hasSecond)(proofs, facts)
}

/** Whether everything that the user can prove besides these proofs would be enough. */
export const canProveEnrolled = (proofs: readonly Judged[], facts: SignInFacts): boolean =>
  provesEnrolled([...proofs, ...all(facts)], facts)

export const recentProofs = (
  proofs: readonly StoredProof[],
  milliseconds: number,
  now: Date,
): readonly StoredProof[] => proofs.filter(({ at }) => now.getTime() - Date.parse(at) <= milliseconds)

export interface EnrolledVerdict {
  isMet: boolean
  /** The level to step up to. */
  acr: Acr
  /** The methods of which one helps. */
  methods: readonly SecondMethod[]
  /** Why a step-up could not reach it; null where it can. */
  blocked: Blocked | null
}

/** @param recent what was proven within the time that counts */
export function judgeEnrolled(given: readonly Judged[], facts: SignInFacts): EnrolledVerdict {
  const recent = countingProofs(given, facts)
  const usable = usableMethods(facts)
  const methods = continuingOf(unproven(usable, recent), (further) =>
    provesEnrolled([...recent, ...prospective(further)], facts),
  )
  return {
    isMet: provesEnrolled(given, facts),
    acr: hasStrong(facts) && canComplete(facts) ? 'aal2' : 'aal1',
    methods: methods.length > 0 ? methods : usable,
    blocked: canProveEnrolled(recent, facts) ? null : findBlocked(facts),
  }
}
