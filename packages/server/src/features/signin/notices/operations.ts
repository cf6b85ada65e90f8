/** The operations of the links in e-mails about sign-ins: a page and its form each. */
import { operation } from '../../../base/http/row/operation.ts'

const BY_LINK = 'the token from the e-mail is the credential'
const READS = 'reads only: opening the link does not use it up'

export const noticeOperations = {
  unlockForm: operation({
    name: 'pages.unlock',
    summary: 'Show the page that the link of a lock-out e-mail opens',
    open: BY_LINK,
    quiet: READS,
    limit: { by: 'ip', max: 60, per: '10m' },
  }),
  unlock: operation({
    name: 'auth.unlock',
    summary: 'End a lock-out by the link from an e-mail',
    open: BY_LINK,
    audit: 'auth.lockout.lifted',
    limit: { by: 'ip', max: 30, per: '10m', exact: true },
    errors: ['INVALID_TOKEN', 'TOKEN_EXPIRED', 'NOT_FOUND'],
  }),
  notMeForm: operation({
    name: 'pages.not_me',
    summary: 'Show the page that the link of an e-mail about a new device opens',
    open: BY_LINK,
    quiet: READS,
    limit: { by: 'ip', max: 60, per: '10m' },
  }),
  notMe: operation({
    name: 'auth.not_me',
    summary: 'Report that a sign-in was not yours',
    open: BY_LINK,
    audit: [
      'auth.sign_in.disowned',
      'auth.session.revoked',
      'auth.api_key.revoked',
      'auth.passkey.removed',
      'auth.mfa.disabled',
    ],
    limit: { by: 'ip', max: 30, per: '10m', exact: true },
    errors: ['INVALID_TOKEN', 'TOKEN_EXPIRED', 'NOT_FOUND'],
  }),
}
