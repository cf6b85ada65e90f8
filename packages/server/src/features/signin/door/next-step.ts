/**
 * What a sign-in still has to do: a pure function over what is known, tested as a table. Every path to a
 * session goes through it, so a condition added here holds for every method, page and protocol at once.
 */

/** What a method hands back after checking a credential. It cannot set a cookie or start a session. */
export interface Proof {
  /** Which method: `password`; later passkey, code, social, SAML. */
  method: 'password' | 'setup_link' | 'registration'
  /** Authentication Method References, RFC 8176 §2. */
  amr: readonly string[]
  /** The user it proves. */
  subject: string
  strength: 'single'
  phishing_resistant: boolean
  /** The credential was right, but has to be replaced before anything else (an expired password). */
  must_change: boolean
  /** ISO 8601. */
  at: string
}

export interface StepFacts {
  proofs: readonly Pick<Proof, 'subject' | 'must_change'>[]
  user: {
    id: string
    status: 'pending' | 'active' | 'disabled'
    emailVerified: boolean
    locked: boolean
  } | null
  emailVerification: 'required' | 'off'
}

export type Step =
  | 'identify'
  | 'prove'
  | 'refuse_disabled'
  | 'refuse_locked'
  | 'verify_email'
  | 'change_password'
  | 'done'

export function nextStep(facts: StepFacts): Step {
  const { user } = facts
  if (!user) return 'identify'
  // a proof for somebody else proves nothing here
  const proofs = facts.proofs.filter((proof) => proof.subject === user.id)
  if (proofs.length === 0) return 'prove'
  if (user.status === 'disabled') return 'refuse_disabled'
  if (user.locked) return 'refuse_locked'
  if (user.status === 'pending') return 'verify_email'
  if (facts.emailVerification === 'required' && !user.emailVerified) return 'verify_email'
  if (proofs.some((proof) => proof.must_change)) return 'change_password'
  return 'done'
}
