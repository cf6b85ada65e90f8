/**
 * Facebook (https://developers.facebook.com/docs/facebook-login/guides/advanced/manual-flow). The id is scoped to the app. An address is
 * never verified: Graph does not say whether it is. Each request proves that it is the app's by `appsecret_proof`
 * (https://developers.facebook.com/docs/graph-api/guides/secure-requests). Graph is requested without a version on purpose: versions end
 * after two years. There is no refresh token; a token can be exchanged for one of 60 days.
 */
import { createHmac } from 'node:crypto'
import { addressOf, membersOf, subjectOf, wholeName } from '../profile.ts'
import { COMMON_SETTINGS, type OAuth2Provider } from '../provider.ts'

const FIELDS = 'id,name,first_name,last_name,email'

export const facebook: OAuth2Provider = {
  id: 'facebook',
  kind: 'oauth2',
  name: 'Facebook',
  settings: COMMON_SETTINGS.filter((setting) => setting !== 'trusts_email'),
  required: [],
  secret: 'required',
  scopes: ['public_profile', 'email'],
  pkce: true,
  authentication: 'post',
  fresh: { auth_type: 'reauthenticate' },
  issuer: () => 'https://www.facebook.com',
  endpoints: () => ({
    authorization: 'https://www.facebook.com/dialog/oauth',
    token: 'https://graph.facebook.com/oauth/access_token',
  }),
  profileRequests(_, { accessToken, clientSecret }) {
    const proof = createHmac('sha256', clientSecret).update(accessToken).digest('hex')
    return [{ url: `https://graph.facebook.com/me?fields=${FIELDS}&appsecret_proof=${proof}` }]
  },
  profile([answer]) {
    const user = membersOf(answer)
    return {
      subject: subjectOf(user.id),
      email: addressOf(user.email),
      emailVerified: false,
      username: null,
      fullName: wholeName(user.name, user.first_name, user.last_name),
      groups: null,
    }
  },
}
