/** Verifying an e-mail address. */
import { operation } from '../../../base/http/row/operation.ts'

const BY_LINK = 'the token from the e-mail is the credential'

export const emailOperations = {
  verify: operation({
    name: 'emails.verify',
    summary: 'Verify an e-mail address',
    open: BY_LINK,
    audit: [
      'auth.email.verified',
      'auth.session.revoked',
      'auth.api_key.revoked',
      'auth.passkey.removed',
      'auth.mfa.disabled',
      'auth.identity.unlinked',
    ],
    limit: { by: 'ip', max: 30, per: '10m' },
    errors: ['INVALID_TOKEN', 'TOKEN_EXPIRED', 'CONFLICT'],
  }),
  resend: operation({
    name: 'emails.resend',
    summary: 'Send the verification e-mail again',
    open: 'an account cannot sign in before its address is verified',
    quiet: 'changes nothing; an e-mail may be sent',
    limit: { by: 'ip', max: 10, per: '10m', exact: true },
  }),
  confirm: operation({
    name: 'pages.verify_email',
    summary: 'Show the page that the link in a verification e-mail opens',
    open: BY_LINK,
    quiet: 'reads only',
    limit: { by: 'ip', max: 60, per: '10m' },
  }),
}
