/** Texts of what was removed from an account, in pages and e-mails. */
import { texts } from '../../../base/page/index.ts'

export const plantedText = texts({
  en: {
    lead: 'This was removed. Set up again what was yours:',
    passkey: 'Passkey “{name}”',
    totp: 'Authenticator app “{name}”',
    totp_unnamed: 'Authenticator app',
    backup_codes: 'Backup codes',
    email: 'Codes by e-mail',
    identity: 'Connected account at {provider}: {name}',
    api_key: 'API key “{name}”',
    more: 'and {count} more API keys',
  },
  de: {
    lead: 'Das wurde entfernt. Richten Sie wieder ein, was Ihnen gehörte:',
    passkey: 'Passkey „{name}“',
    totp: 'Authenticator-App „{name}“',
    totp_unnamed: 'Authenticator-App',
    backup_codes: 'Backup-Codes',
    email: 'Codes per E-Mail',
    identity: 'Verbundenes Konto bei {provider}: {name}',
    api_key: 'API-Schlüssel „{name}“',
    more: 'und {count} weitere API-Schlüssel',
  },
})
