/** The operations of SAML besides the sign-in: our metadata, and single logout. */
import { operation } from '../../../base/http/row/operation.ts'

export const samlOperations = {
  metadata: operation({
    name: 'saml.metadata',
    summary: 'Get the metadata of this server as a SAML service provider',
    open: 'identity providers read it, and it contains nothing secret',
    quiet: 'makes the keys of the connection when it is read first',
    limit: { by: 'ip', max: 120, per: '10m' },
    errors: ['NOT_FOUND'],
  }),
  logout: operation({
    name: 'saml.logout',
    summary: 'Receive a logout request or its answer by redirect',
    open: 'the signature of the identity provider is the credential',
    audit: 'auth.logout',
    limit: { by: 'ip', max: 120, per: '10m' },
    errors: ['NOT_FOUND', 'VALIDATION_ERROR'],
  }),
  sendLogout: operation({
    name: 'saml.logout.send',
    summary: 'Bring a logout request to the identity provider',
    open: 'the address contains a secret, and is of the first browser that comes with it',
    quiet: 'the session has ended here, which is recorded',
    limit: { by: 'ip', max: 120, per: '10m' },
    errors: ['NOT_FOUND'],
  }),
  logoutByPost: operation({
    name: 'saml.logout.post',
    summary: 'Receive a logout request or its answer by POST',
    open: 'the signature of the identity provider is the credential',
    audit: 'auth.logout',
    limit: { by: 'ip', max: 120, per: '10m' },
    errors: ['NOT_FOUND', 'VALIDATION_ERROR'],
  }),
}
