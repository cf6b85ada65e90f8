/**
 * What the HTTP room asks of the features that know credentials, handed in by app.ts: base knows no feature. A
 * credential goes in; a principal, with its session where it has one, or the Problem that says why not, comes
 * out. Never throws a Problem for a bad credential, so that open routes can go on without a user and the others
 * can refuse. Invariant: the kind is told by the form of the text alone, so no credential is ever tried as another.
 */
import type { CallOrganization, CallSession, Principal } from '../../call.ts'
import type { Problem } from '../../errors.ts'

export type Credential =
  | { kind: 'session'; token: string; via: 'cookie' | 'bearer' }
  | { kind: 'access_token'; token: string }
  | { kind: 'api_key'; token: string }

export interface Authenticated {
  principal: Principal
  /** null for an API key, and for an access token that was made without a session. */
  session: CallSession | null
  /** The organization it acts in; null or absent for none, also where the caller has left it. */
  organization?: CallOrganization | null
}

export type Verdict = Authenticated | { refused: Problem }

export interface Authenticator {
  check(credential: Credential, now: Date): Promise<Verdict>
}

/**
 * What a caller is in an organization; null where they are nothing there, or there is none. `acting` is what their
 * credential says: an API key is nothing beyond it.
 */
export type MembershipLookup = (
  principal: Principal,
  organizationId: string,
  which: { deletedToo: boolean; acting: CallOrganization | null },
) => Promise<CallOrganization | null>

export interface Caller {
  principal: Principal | null
  session: CallSession | null
  organization: CallOrganization | null
  /** Why the credential that came is not good; the row decides whether that matters. */
  refused: Problem | null
  /** The HTTP Basic credential, on rows that take one. */
  basic: { username: string; password: string } | null
  /** The credential stood in a header that a browser never sends on its own, so no other site can have asked. */
  isExplicit: boolean
}
