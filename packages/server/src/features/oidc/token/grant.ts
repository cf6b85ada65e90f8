/** What every grant of the token endpoint gets, and gives. */
import type { Call } from '../../../base/call.ts'
import type { AuthenticatedClient } from '../authentication/index.ts'
import type { AppTokenAnswer } from './issue.ts'
import type { TokenParameters } from './parameters.ts'

export interface GrantRequest {
  call: Call
  by: AuthenticatedClient
  sent: TokenParameters
  /** The digest of the key that the app has proven to hold; null: none. */
  jkt: string | null
}

export type Grant = (request: GrantRequest) => Promise<AppTokenAnswer>
