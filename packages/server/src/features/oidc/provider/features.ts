/** The features of the OpenID provider, put together. */
import type { MembershipLookup } from '../../../base/http/request/authenticate.ts'
import type { Feature } from '../../../core/feature.ts'
import { userOfSubject } from '../../../core/subjects/index.ts'
import type { Tools } from '../../../core/tools.ts'
import type { KeyChecks } from '../../access/api-keys/index.ts'
import { applicationFeature } from '../applications/index.ts'
import { authorizeFeature, type CheckTools } from '../authorize/index.ts'
import { createClientDocuments, registrationOfClients } from '../client-registration/index.ts'
import { clientFeature } from '../clients/index.ts'
import { deviceGrantFeature } from '../device/index.ts'
import { discoveryRoutes } from '../discovery/index.ts'
import { EXCHANGE_GRANT, tokenExchangeGrant } from '../exchange/index.ts'
import { readIdTokenHint } from '../id-tokens/index.ts'
import { issuedFeature } from '../issued/index.ts'
import { logoutFeature } from '../logout/index.ts'
import { pushedFeature } from '../pushed/index.ts'
import { replayFeature } from '../replays/index.ts'
import { resourceFeature } from '../resources/index.ts'
import { tokenEndpointFeature } from '../token/index.ts'

/**
 * @param memberships what the caller is in an organization, as in rows about organizations
 * @param keyChecks checks the API key with which an app registers
 */
export function providerFeatures(
  tools: Tools,
  memberships: MembershipLookup,
  keyChecks: KeyChecks,
): Feature[] {
  const readHint: CheckTools['readHint'] = async (idToken, client) => {
    const hint = await readIdTokenHint(tools, idToken)
    return hint?.clientId === client.id ? await userOfSubject(tools.db.hot, client, hint.sub) : null
  }
  const documents = createClientDocuments(tools)
  return [
    clientFeature(tools),
    registrationOfClients({ ...tools, keyChecks }),
    resourceFeature(tools),
    replayFeature(tools),
    authorizeFeature({ ...tools, memberships, readHint, documents }),
    pushedFeature({ ...tools, readHint, documents }),
    deviceGrantFeature({ ...tools, memberships }),
    tokenEndpointFeature(tools, { [EXCHANGE_GRANT]: tokenExchangeGrant(tools) }),
    issuedFeature(tools),
    logoutFeature(tools),
    applicationFeature(tools),
    { name: 'discovery', rows: discoveryRoutes(tools) },
  ]
}
