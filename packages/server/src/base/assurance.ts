/**
 * Authentication assurance: what proofs of identity are worth together, and whether they meet a demand. Pure functions,
 * tested as tables; the sign-in (features/signin), the policies of organizations, and the freshness of a request use the
 * same ones. Levels follow NIST SP 800-63B: `aal1` one factor, `aal2` two different factors, `aal2-phr` two factors of
 * which one is phishing-resistant. Two proofs of one factor are one factor.
 */

export const ACRS = ['aal1', 'aal2', 'aal2-phr'] as const
/** Authentication Context Class Reference, OpenID Connect Core §2. */
export type Acr = (typeof ACRS)[number]

/** The methods that prove an identity. */
export const PROOF_METHODS = [
  'password', 'registration', 'setup_link', 'totp', 'backup_code', 'passkey', 'magic_link', 'email_code', 'remembered_device',
  'federation',
] as const // biome-ignore format: a list
export type ProofMethod = (typeof PROOF_METHODS)[number]

/** What kind of evidence a proof is. */
export interface ProofKind {
  /** Authentication Method References, RFC 8176 §2. */
  amr: readonly string[]
  factor: 'knowledge' | 'possession' | 'inherence'
  /**
   * What is possessed. `mailbox` never raises the level (NIST SP 800-63B-4 §3.1.3.1), nor does `device`: a browser that the
   * user chose to remember.
   */
  channel?: 'app' | 'codes' | 'key' | 'mailbox' | 'device'
  phishing_resistant: boolean
  /** That the authenticator verified its user by PIN or biometrics: the proof is of two factors by itself. */
  user_verified?: true
  /** The connection whose identity provider vouches for the user. */
  connection?: string
  /** The version that it had: proofs from before the end of its use are distinguished by it from later ones. */
  connection_version?: number
  /** The identity of the user there: another connection may assert it, too, so that its end is not that of the connection. */
  identity?: string
  /** Its organization, where it has one: in another organization the proof proves nothing. */
  organization?: string
  /** That the connection spoke for the domain of the user's address, whose organization could read the user's e-mail anyway. */
  authority?: true
  /** That the provider has checked two factors, of a connection that is trusted about it. */
  mfa?: true
  /** That the factor had been enrolled for ESTABLISHED_AFTER when it was proven. */
  established?: true
}

/** How long a factor has been enrolled before it replaces an identity provider, in milliseconds. */
export const ESTABLISHED_AFTER = 86_400_000

/** A proof, as attempts and sessions store it. */
export interface StoredProof extends ProofKind {
  method: ProofMethod
  /** ISO 8601. */
  at: string
}

/** A method that can give a further proof, besides the first one. */
export const SECOND_METHODS = [
  'totp',
  'passkey',
  'backup_code',
  'email_code',
  'password',
  'federation',
] as const
export type SecondMethod = (typeof SECOND_METHODS)[number]

export const FACTOR_KINDS = ['totp', 'passkey', 'backup_codes', 'email'] as const
/** What a user can enrol as a second factor. */
export type FactorKind = (typeof FACTOR_KINDS)[number]

const rank = (acr: Acr): number => ACRS.indexOf(acr)
export const isAtLeast = (acr: Acr, wanted: Acr): boolean => rank(acr) >= rank(wanted)

/** What of a proof is judged. */
export type Judged = Pick<
  StoredProof,
  | 'method'
  | 'factor'
  | 'channel'
  | 'phishing_resistant'
  | 'user_verified'
  | 'connection'
  | 'organization'
  | 'mfa'
  | 'established'
>

/** What is proven in an organization: a proof by the connection of another one proves nothing there. */
export const proofsIn = <P extends Pick<Judged, 'organization'>>(
  proofs: readonly P[],
  organizationId: string | null,
): P[] => proofs.filter(({ organization }) => organization === undefined || organization === organizationId)

/**
 * Proofs as a sign-in judges them for an organization, or for the server and the account (null): the connection of another
 * organization proves one factor, even if its provider has checked two.
 */
export const withoutForeignMfa = <P extends Judged>(
  proofs: readonly P[],
  organizationId: string | null,
): P[] =>
  proofs.map((proof) => {
    if (!proof.mfa || proof.organization === undefined || proof.organization === organizationId) return proof
    const { mfa: _, ...plain } = proof
    return plain as P
  })

/** The methods by which no sign-in begins. */
export const FURTHER_ONLY: readonly ProofMethod[] = ['totp', 'backup_code', 'remembered_device']

/** Whether a proof is among these that a sign-in may begin with. */
export const isSignIn = (proofs: readonly Pick<Judged, 'method'>[]): boolean =>
  proofs.some(({ method }) => !FURTHER_ONLY.includes(method))

const counts = ({ channel }: Judged): boolean => channel !== 'mailbox' && channel !== 'device'

/** The level that proofs reach together. */
export function acrOf(proofs: readonly Judged[]): Acr {
  const counting = proofs.filter(counts)
  const isResistant = counting.some((proof) => proof.phishing_resistant)
  const isVerified = counting.some((proof) => proof.user_verified)
  const isTwoFactor =
    isVerified || counting.some(({ mfa }) => mfa) || new Set(counting.map(({ factor }) => factor)).size > 1
  if (!isTwoFactor) return 'aal1'
  return isResistant ? 'aal2-phr' : 'aal2'
}

/** The references of all proofs, with `mfa` where they are of two factors (RFC 8176 §2). */
export function amrOf(proofs: readonly (Judged & Pick<ProofKind, 'amr'>)[]): string[] {
  const amr = new Set(proofs.flatMap((proof) => proof.amr))
  if (acrOf(proofs) !== 'aal1') amr.add('mfa')
  return [...amr]
}

export const DEMAND_MODES = ['none', 'require_any', 'require_totp', 'require_passkey'] as const
export type DemandMode = (typeof DEMAND_MODES)[number]

/** A method that a demand may accept besides the one that its mode names. */
export const ACCEPTABLE_METHODS = ['totp', 'passkey', 'backup_code', 'remembered_device'] as const
export type AcceptableMethod = (typeof ACCEPTABLE_METHODS)[number]

/** That a user's sign-ins must have a second factor: by the server, the user, a role or an organization. */
export interface Demand {
  mode: DemandMode
  accepts: readonly AcceptableMethod[]
  /** Until then a user without such a factor may still sign in; null: at once. */
  dueAt: Date | null
  /** Whose demand it is; null for one of the server. */
  organizationId: string | null
}

/** The second methods that meet a demand. A mode always accepts the method that it is named after. */
function acceptedBy({ mode, accepts }: Pick<Demand, 'mode' | 'accepts'>): ReadonlySet<string> {
  const named = mode === 'require_totp' ? ['totp'] : mode === 'require_passkey' ? ['passkey'] : []
  return new Set([...named, ...accepts])
}

/** The level that a session needs to meet a demand: that of the weakest method that it accepts. */
export const acrFor = (demand: Pick<Demand, 'mode' | 'accepts'>): Acr =>
  [...acceptedBy(demand)].some((method) => method === 'totp' || method === 'backup_code')
    ? 'aal2'
    : 'aal2-phr'

/** A demand, and whose it is. */
export type Demanded = Pick<Demand, 'mode' | 'accepts' | 'organizationId'>

/**
 * Whether the provider has checked what is demanded: any second factor, demanded by the organization of its connection, or
 * by the server of a connection of the server. Such a demand needs no factor that is enrolled here.
 */
const isVouched = ({ mode, organizationId }: Demanded, proofs: readonly Judged[]): boolean =>
  mode === 'require_any' &&
  proofs.some((proof) => proof.mfa && (proof.organization ?? null) === organizationId)

/** Whether proofs meet a demand. A user-verified passkey meets every one: it needs no further proof. */
export function isMet(demand: Demanded, proofs: readonly Judged[]): boolean {
  if (demand.mode === 'none' || isVouched(demand, proofs)) return true
  if (proofs.some((proof) => proof.user_verified)) return true
  const accepted = acceptedBy(demand)
  if (accepted.has('remembered_device') && proofs.some(({ method }) => method === 'remembered_device'))
    return proofs.some(({ factor }) => factor === 'knowledge')
  return acrOf(proofs) !== 'aal1' && proofs.some(({ method }) => accepted.has(method))
}

/** Whether a user has enrolled what a demand requires. Backup codes and a mailbox alone are never enough. */
export function isEnrolled(
  { mode, accepts }: Pick<Demand, 'mode' | 'accepts'>,
  factors: readonly FactorKind[],
): boolean {
  if (mode === 'none') return true
  const has = (kind: 'totp' | 'passkey') => factors.includes(kind)
  if (mode === 'require_passkey') return has('passkey')
  if (mode === 'require_totp') return has('totp') || (has('passkey') && accepts.includes('passkey'))
  return ENROLLABLE.some((kind) => has(kind) && accepts.includes(kind))
}

/** What a user lacks of a demand: a factor to set up, or a proof; null: nothing. */
export function findMissing(
  demand: Demanded,
  proofs: readonly Judged[],
  factors: readonly FactorKind[],
): 'factor' | 'proof' | null {
  if (isVouched(demand, proofs)) return null
  if (!isEnrolled(demand, factors)) return 'factor'
  return isMet(demand, proofs) ? null : 'proof'
}

const ENROLLABLE = ['passkey', 'totp'] as const
/** A factor that can meet a demand. */
export type EnrollableKind = (typeof ENROLLABLE)[number]

/** Whether a factor is more than backup codes or a mailbox: it can meet a demand, and backup codes replace it. */
export const isStrong = (kind: FactorKind): kind is EnrollableKind => kind === 'passkey' || kind === 'totp'

/** The factors of which enrolling one meets a demand, of those that the server offers. */
export const enrollableFor = (
  demand: Pick<Demand, 'mode' | 'accepts'>,
  offered: readonly string[] = ENROLLABLE,
): EnrollableKind[] => ENROLLABLE.filter((kind) => offered.includes(kind) && isEnrolled(demand, [kind]))

export const isDue = ({ dueAt }: Pick<Demand, 'dueAt'>, now: Date): boolean => dueAt === null || dueAt <= now

/** A connection that knows a user, and its organization; null: it is the server's. */
export interface KnownConnection {
  connection: string
  organization: string | null
}

/** What a user can prove beyond the first factor. */
export interface SignInFacts {
  /** The kinds of the confirmed factors. */
  factors: readonly FactorKind[]
  hasPassword: boolean
  /** That a code can be sent to their verified address; absent: it cannot. */
  hasMailbox?: boolean
  /** The active connections that know them; absent: none does. */
  identities?: readonly KnownConnection[]
  /**
   * The connections that speak for the domain of the user's verified address, which its organization has proven: who controls
   * them is an authority for the mailbox, and so for the account (core/authorities.ts). Absent: none.
   */
  authorities?: readonly string[]
  /** The organization for which is judged what the user proves; absent: for the account. */
  scope?: string
  demands: readonly Demand[]
  /** The kinds of which a factor has been enrolled for ESTABLISHED_AFTER; absent: none. */
  established?: readonly FactorKind[]
  /**
   * The kinds of which no factor is accepted now, although one is enrolled: demanded, and not offered. Absent: none.
   */
  refused?: readonly FactorKind[]
  /** The factors that this server lets users set up; absent: both. */
  offered?: readonly EnrollableKind[]
}

export const NO_FACTS: SignInFacts = { factors: [], hasPassword: false, demands: [] }

/** Whether a proof by the connection counts: by one of the server it does. */
const isCounting = (
  { connection, organization }: KnownConnection,
  { scope, authorities = [] }: SignInFacts,
): boolean =>
  organization === null || (scope === undefined ? authorities.includes(connection) : organization === scope)

/** The facts as they count for an organization. */
export const factsIn = (facts: SignInFacts, scope: string): SignInFacts => ({ ...facts, scope })

/**
 * The proofs that count for an organization, or for the account: not those by an organization's connection that is no
 * authority for it, whose administrators could take the account over otherwise. A remembered browser counts beside another proof
 * that does: alone it would make the word of such a connection one that counts.
 */
export function countingProofs<P extends Judged>(proofs: readonly P[], facts: SignInFacts): P[] {
  const counting = proofs.filter(({ connection = '', organization = null }) =>
    isCounting({ connection, organization }, facts),
  )
  if (counting.every(({ channel }) => channel === 'device')) return []
  return withoutForeignMfa(counting, facts.scope ?? null)
}

const KINDS: Readonly<Record<SecondMethod, ProofKind>> = {
  password: { amr: ['pwd'], factor: 'knowledge', phishing_resistant: false },
  totp: { amr: ['otp'], factor: 'possession', channel: 'app', phishing_resistant: false },
  backup_code: { amr: ['otp'], factor: 'possession', channel: 'codes', phishing_resistant: false },
  email_code: { amr: ['email'], factor: 'possession', channel: 'mailbox', phishing_resistant: false },
  passkey: { amr: ['hwk', 'user'], factor: 'possession', channel: 'key', phishing_resistant: true, user_verified: true },
  // what the provider checked is its own affair: one factor here; no reference of RFC 8176 names it
  federation: { amr: ['fed'], factor: 'knowledge', phishing_resistant: false },
} // biome-ignore format: a table

/** What a proof by a method is; of a passkey, one with user verification. */
export const kindOf = (method: SecondMethod): ProofKind => KINDS[method]

/** A browser that the user chose to remember. No reference of RFC 8176 names it. */
export const REMEMBERED_DEVICE: ProofKind = {
  amr: [],
  factor: 'possession',
  channel: 'device',
  phishing_resistant: false,
}

/** In the order in which they are offered. */
const USABLE = ['passkey', 'totp', 'backup_code', 'federation', 'email_code', 'password'] as const

/**
 * The methods by which the user can prove something further. Where they have neither a password nor a factor, that is the
 * mailbox that they sign in with.
 */
export function usableMethods(facts: SignInFacts): SecondMethod[] {
  const { factors, refused = [], hasPassword, hasMailbox = false, identities = [] } = facts
  const isAccepted = (kind: FactorKind) => factors.includes(kind) && !refused.includes(kind)
  const isMailboxAll = hasMailbox && !hasPassword && factors.length === 0
  const isUsable: Readonly<Record<SecondMethod, boolean>> = {
    passkey: isAccepted('passkey'),
    totp: isAccepted('totp'),
    backup_code: isAccepted('backup_codes'),
    email_code: isAccepted('email') || isMailboxAll,
    password: hasPassword,
    federation: identities.some((known) => isCounting(known, facts)),
  }
  return USABLE.filter((one) => isUsable[one])
}

/**
 * Whether proofs suffice for the user's own second factors, without any demand.
 * @param refused the kinds that are not accepted
 */
export function meetsOwnFactors(
  given: readonly Judged[],
  factors: readonly FactorKind[],
  refused: readonly FactorKind[] = [],
): boolean {
  const hasStrong = factors.some(isStrong)
  if (!hasStrong && !factors.includes('email')) return true
  // beside a password that was just chosen by the mailbox, the mailbox proves nothing more, in whichever order
  const proofs =
    hasStrong || !refused.includes('email') ? given : given.filter(({ channel }) => channel !== 'mailbox')
  if (acrOf(proofs) !== 'aal1') return true
  const has = (...channels: (ProofKind['channel'] | undefined)[]) =>
    proofs.some(({ channel }) => channel !== undefined && channels.includes(channel))
  if (has('device') && proofs.some(({ factor }) => factor === 'knowledge')) return true
  if (!has('mailbox')) return false
  // a second proof of the mailbox is the same factor: beside it counts what the user knows, or has otherwise
  return hasStrong ? has('app', 'codes', 'key') : proofs.some(({ factor }) => factor === 'knowledge')
}

/** The factors whose age is recorded with their proofs. */
const FACTOR_OF: Readonly<Partial<Record<SecondMethod, FactorKind>>> = {
  totp: 'totp',
  passkey: 'passkey',
  backup_code: 'backup_codes',
}

/** The proofs that methods would give. @param facts whose factors they are; absent: none of them is established */
export const prospective = (
  methods: readonly SecondMethod[],
  { established = [] }: Pick<SignInFacts, 'established'> = {},
): (Judged & { method: SecondMethod })[] =>
  methods.map((method) => {
    const factor = FACTOR_OF[method]
    const isEstablished = factor !== undefined && established.includes(factor)
    return { method, ...kindOf(method), ...(isEstablished && { established: true }) }
  })

/**
 * Whether a sign-in with these proofs lacks a further one that the user can give. A factor that is refused is lacking too: it
 * does not lower what the account requires.
 */
export function lacksProof(given: readonly Judged[], facts: SignInFacts): boolean {
  const { factors, refused } = facts
  const proofs = withoutForeignMfa(given, null)
  const enrolled = [...proofs, ...prospective(usableMethods({ ...facts, refused: [] }))]
  if (!meetsOwnFactors(proofs, factors, refused) && meetsOwnFactors(enrolled, factors)) return true
  const further = prospective(usableMethods(facts))
  return facts.demands.some((demand) => {
    const counting = withoutForeignMfa(given, demand.organizationId)
    return !isMet(demand, counting) && isMet(demand, [...counting, ...further])
  })
}

const remembered: Judged = { method: 'remembered_device', ...REMEMBERED_DEVICE }

/** Whether a sign-in with these proofs lacks one that a remembered device is accepted as. */
export const needsDevice = (proofs: readonly Judged[], facts: SignInFacts): boolean =>
  lacksProof(proofs, facts) && !lacksProof([...proofs, remembered], facts)

/** Whether a remembered device is of use to the user: it is not where a demand does not accept it. */
export const acceptsDevice = (facts: SignInFacts): boolean => needsDevice(prospective(['password']), facts)

/** Whether a demand is due that no proof of the user's can meet before another factor is enrolled. */
export function findUnenrolled(proofs: readonly Judged[], facts: SignInFacts, now: Date): Demand | null {
  return (
    facts.demands.find((demand) => {
      const counting = withoutForeignMfa(proofs, demand.organizationId)
      return isDue(demand, now) && findMissing(demand, counting, facts.factors) !== null
    }) ?? null
  )
}

/**
 * The methods of which one continues, among those that are not proven yet: those that suffice alone, and those that suffice
 * together with another one where neither does alone; all, where none of them suffice. So a passkey that is not at hand is
 * not all that is offered.
 */
export function continuingOf(
  open: readonly SecondMethod[],
  suffices: (further: readonly SecondMethod[]) => boolean,
): SecondMethod[] {
  const others = open.filter((method) => !suffices([method]))
  const useless = others.filter(
    (method) => !others.some((other) => other !== method && suffices([method, other])),
  )
  return useless.length === open.length ? [...open] : open.filter((method) => !useless.includes(method))
}

/** The methods that are not proven yet. */
export const unproven = (usable: readonly SecondMethod[], proofs: readonly Judged[]): SecondMethod[] =>
  usable.filter((method) => !proofs.some((proof) => proof.method === method))

/** The methods of which one continues a sign-in. */
export const methodsFor = (proofs: readonly Judged[], facts: SignInFacts): SecondMethod[] =>
  continuingOf(
    unproven(usableMethods(facts), proofs),
    (further) => !lacksProof([...proofs, ...prospective(further)], facts),
  )

/** The methods, of those that the user can prove, of which one helps to meet a demand. */
export const methodsTowards = (
  demand: Demanded,
  proofs: readonly Judged[],
  usable: readonly SecondMethod[],
): SecondMethod[] =>
  continuingOf(unproven(usable, proofs), (further) => isMet(demand, [...proofs, ...prospective(further)]))
