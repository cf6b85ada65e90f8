/** Texts of the pages of backup codes. */
import { texts } from '../../../base/page/index.ts'

export const backupCodesText = texts({
  en: {
    'field.code': 'Backup code',
    'panel.label': 'Backup code',
    'panel.lead': 'Enter one of the codes that you saved when you set up the second factor. Each works once.',
    'panel.wrong': 'This code is not right, or it was used already. Enter another one.',
    'row.none': 'None',
    'row.left': { one: '{count} code left', other: '{count} codes left' },
    'row.manage': 'Create or replace codes',
    'page.title': 'Backup codes',
    'page.lead':
      'With a backup code you can sign in if your phone or passkey is not at hand. Each works once.',
    'page.left': { one: '{count} code is left.', other: '{count} codes are left.' },
    'page.none': 'You have no backup codes.',
    'page.needs_factor':
      'Backup codes replace a second factor. Set up an authenticator app or a passkey first.',
    'page.replace': 'New codes replace the ones that you have.',
    'page.add_totp': 'Set up an app',
    'page.add_passkey': 'Add a passkey',
    'page.back': 'Back to security',
    'page.button': 'Create codes',
    'saved.title': 'Save your backup codes',
    'saved.lead':
      'They are shown only now. Keep them where you keep important papers, or in a password manager, but not only on the device that they replace.',
    'saved.file': 'Backup codes',
    'saved.download': 'Download',
    'saved.button': 'I have saved them',
  },
  de: {
    'field.code': 'Backup-Code',
    'panel.label': 'Backup-Code',
    'panel.lead':
      'Geben Sie einen der Codes ein, die Sie beim Einrichten des zweiten Faktors gespeichert haben. Jeder gilt einmal.',
    'panel.wrong': 'Dieser Code stimmt nicht, oder er wurde schon benutzt. Geben Sie einen anderen ein.',
    'row.none': 'Keine',
    'row.left': { one: '{count} Code übrig', other: '{count} Codes übrig' },
    'row.manage': 'Codes erzeugen oder ersetzen',
    'page.title': 'Backup-Codes',
    'page.lead':
      'Mit einem Backup-Code melden Sie sich an, wenn Telefon oder Passkey nicht zur Hand sind. Jeder gilt einmal.',
    'page.left': { one: '{count} Code ist übrig.', other: '{count} Codes sind übrig.' },
    'page.none': 'Sie haben keine Backup-Codes.',
    'page.needs_factor':
      'Backup-Codes ersetzen einen zweiten Faktor. Richten Sie zuerst eine Authenticator-App oder einen Passkey ein.',
    'page.replace': 'Neue Codes ersetzen die bisherigen.',
    'page.add_totp': 'App einrichten',
    'page.add_passkey': 'Passkey hinzufügen',
    'page.back': 'Zurück zur Sicherheit',
    'page.button': 'Codes erzeugen',
    'saved.title': 'Speichern Sie Ihre Backup-Codes',
    'saved.lead':
      'Sie werden nur jetzt angezeigt. Bewahren Sie sie bei wichtigen Papieren oder in einem Passwortmanager auf, aber nicht nur auf dem Gerät, das sie ersetzen.',
    'saved.file': 'Backup-Codes',
    'saved.download': 'Herunterladen',
    'saved.button': 'Ich habe sie gespeichert',
  },
})
