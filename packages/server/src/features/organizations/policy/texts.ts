/** Texts of the security policy's pages. */
import { texts } from '../../../base/page/index.ts'
import { CONFORMANCE } from '../../../config/password-profiles.ts'

export const policyText = texts({
  en: {
    title: 'Security',
    'policy.title': 'Security policy',
    'policy.lead':
      'What this organization requires of its members. Other organizations of your members are not affected.',
    'field.mode': 'Second factor',
    'field.grace_days': 'Days of grace',
    'field.notify_days_before': 'Reminders',
    'field.session_absolute': 'Longest session',
    'field.password_profile': 'Password rules',
    'field.sign_in': 'Sign-in',
    'sign_in.any': 'By any method',
    'sign_in.sso_required': 'By our identity provider',
    'sign_in.hint':
      'Owners may sign in with a second factor instead, for example if the provider fails. The other owners get an e-mail about it.',
    'sign_in.unavailable': 'First activate and test a connection, and verify a domain.',
    'sign_in.lapsed':
      'The sign-in by your identity provider is not enforced: there is no active connection with a verified domain. Members sign in by any method.',
    'field.allow_totp': 'Authenticator app',
    'field.allow_passkey': 'Passkey',
    'field.allow_backup_code': 'Backup code',
    'field.allow_remembered_device': 'Remembered device',
    'mode.disabled': 'Not required',
    'mode.optional': 'Recommended',
    'mode.require_any': 'Required: passkey or app',
    'mode.require_totp': 'Required: authenticator app',
    'mode.require_passkey': 'Required: passkey',
    'mode.none': 'Not required',
    'grace.hint':
      'How long members have to set up a factor, from 0 to 365 days. They start again when you require more.',
    'notify.hint': 'Days before the end, separated by commas. On the last day there is always an e-mail.',
    'notify.invalid': 'Use up to ten numbers from 1 to 365, separated by commas.',
    'grace.invalid': 'Use a number from 0 to 365.',
    'allowed.title': 'Accepted methods',
    'allowed.hint': 'If passkeys are required, an accepted authenticator app may replace one.',
    'session.hint':
      'After this time members sign in again to work here: for example 8h or 7d. Empty: as long as the session lasts.',
    'profile.server': 'No further rules',
    'profile.nist': 'NIST: 15 characters',
    'profile.classic': 'Classic: 8 characters',
    'profile.pci': 'PCI DSS: 12 characters',
    'profile.custom': 'Custom: set by the operator',
    'profile.hint': 'They hold beside the rules of the server: of each rule, the strictest counts.',
    'conformance.nist': CONFORMANCE.nist,
    'conformance.classic': CONFORMANCE.classic,
    'conformance.pci': CONFORMANCE.pci,
    'conformance.custom': CONFORMANCE.custom,
    'policy.review': 'Review change',
    'policy.read_only': 'Only members with the permission to change the security policy can change it.',
    'policy.since': 'Required since {time}',
    'review.title': 'Change the security policy?',
    'review.none': 'None of {members} people would have to set up a second factor.',
    'review.effect': {
      one: 'Of {members} people one would have to set up a second factor, at the latest on {date}.',
      other: 'Of {members} people {count} would have to set up a second factor, the first by {date}.',
    },
    'review.at_once': {
      one: 'Of {members} people one would have to set up a second factor immediately.',
      other: 'Of {members} people {count} would have to set up a second factor, the first immediately.',
    },
    'review.only_none': 'The only member would not have to set up a second factor.',
    'review.only_effect': 'The only member would have to set up a second factor, at the latest on {date}.',
    'review.only_at_once': 'The only member would have to set up a second factor immediately.',
    'review.sessions': {
      one: 'One person loses access in an open session until they have done so.',
      other: '{count} people lose access in their open sessions until they have done so.',
    },
    'review.sso': 'To work in this organization, members have to sign in by: {connections}.',
    'review.sso_all': 'All members have signed in that way before.',
    'review.sso_connect': {
      one: 'Of {members} people one has not signed in that way yet.',
      other: 'Of {members} people {count} have not signed in that way yet.',
    },
    'review.sso_other': {
      one: 'One of them has no address at your verified domains, and first has to connect an account there, under “Connected accounts”.',
      other:
        '{count} of them have no address at your verified domains, and first have to connect an account there, under “Connected accounts”.',
    },
    'review.sso_owners':
      'If the provider fails, owners can sign in with a password or a passkey and a second factor instead. A second factor counts 24 hours after it was set up. The other owners get an e-mail about it.',
    'review.sso_some_owners': {
      one: 'One of {owners} owners has no second factor, and could not sign in without the provider.',
      other: '{count} of {owners} owners have no second factor, and could not sign in without the provider.',
    },
    'review.sso_waiting': {
      one: 'Of {owners} owners one set up a second factor less than 24 hours ago, and cannot sign in without the provider before {time}.',
      other:
        'Of {owners} owners {count} set up a second factor less than 24 hours ago, and not all of them can sign in without the provider before {time}.',
    },
    'review.sso_no_owner':
      'No owner has a second factor: if the provider fails, no one can change this policy. {link}',
    'review.sso_factor': 'Set up a second factor first',
    'review.sso_sessions': {
      one: 'One person loses access in an open session until they have signed in that way.',
      other: '{count} people lose access in their open sessions until they have signed in that way.',
    },
    'review.any': 'Members may sign in by any method again.',
    'review.emails': { one: 'They are informed by e-mail.', other: 'They are all informed by e-mail.' },
    'review.save': 'Save policy',
    'review.cancel': 'Change nothing',
    'refused.stale': 'The policy was changed in the meantime. Check it, and change it again.',
    'refused.totp': 'Accept authenticator apps, because they are required.',
    'refused.passkey': 'Accept passkeys, because they are required.',
    'refused.methods': 'Accept authenticator apps or passkeys.',
    'session.invalid': 'Use a duration from 5 minutes to 365 days, such as 8h.',
    'compliance.title': 'Members',
    'compliance.none': 'No members in this state.',
    'compliance.all': 'All',
    'compliance.filter': '{state} ({count})',
    'compliance.due': 'by {time}',
    'compliance.overdue': 'since {time}',
    'compliance.open': 'Open',
    'compliance.open_one': 'Open: {name}',
    'compliance.export': 'Download as CSV',
    'state.not_applicable': 'Nothing required',
    'state.pending': 'No sign-in since the start',
    'state.in_grace': 'In grace',
    'state.compliant': 'Set up',
    'state.past_due': 'Past due',
    'state.suspended': 'Stopped',
  },
  de: {
    title: 'Sicherheit',
    'policy.title': 'Sicherheitsrichtlinie',
    'policy.lead':
      'Was diese Organisation von ihren Mitgliedern verlangt. Andere Organisationen Ihrer Mitglieder sind nicht betroffen.',
    'field.mode': 'Zweiter Faktor',
    'field.grace_days': 'Frist in Tagen',
    'field.notify_days_before': 'Erinnerungen',
    'field.session_absolute': 'Höchstdauer einer Sitzung',
    'field.password_profile': 'Passwortregeln',
    'field.sign_in': 'Anmeldung',
    'sign_in.any': 'Mit jeder Methode',
    'sign_in.sso_required': 'Über unseren Anbieter',
    'sign_in.hint':
      'Inhaber dürfen sich stattdessen mit einem zweiten Faktor anmelden, zum Beispiel wenn der Anbieter ausfällt. Die anderen Inhaber erhalten darüber eine E-Mail.',
    'sign_in.unavailable':
      'Aktivieren und testen Sie zuerst eine Verbindung, und bestätigen Sie eine Domain.',
    'sign_in.lapsed':
      'Die Anmeldung über Ihren Identitätsanbieter wird nicht durchgesetzt: Es gibt keine aktive Verbindung mit einer bestätigten Domain. Mitglieder melden sich mit jeder Methode an.',
    'field.allow_totp': 'Authenticator-App',
    'field.allow_passkey': 'Passkey',
    'field.allow_backup_code': 'Backup-Code',
    'field.allow_remembered_device': 'Vertrauenswürdiges Gerät',
    'mode.disabled': 'Nicht erforderlich',
    'mode.optional': 'Empfohlen',
    'mode.require_any': 'Nötig: Passkey oder App',
    'mode.require_totp': 'Nötig: Authenticator-App',
    'mode.require_passkey': 'Nötig: Passkey',
    'mode.none': 'Nicht erforderlich',
    'grace.hint':
      'Wie lange Mitglieder Zeit haben, einen Faktor einzurichten: 0 bis 365 Tage. Die Frist beginnt neu, wenn Sie mehr verlangen.',
    'notify.hint':
      'Tage vor dem Ende der Frist, durch Kommas getrennt. Am letzten Tag gibt es immer eine E-Mail.',
    'notify.invalid': 'Geben Sie höchstens zehn Zahlen von 1 bis 365 an, durch Kommas getrennt.',
    'grace.invalid': 'Geben Sie eine Zahl von 0 bis 365 an.',
    'allowed.title': 'Zugelassene Verfahren',
    'allowed.hint':
      'Wenn Passkeys erforderlich sind, kann eine zugelassene Authenticator-App einen Passkey vertreten.',
    'session.hint':
      'Nach dieser Zeit melden sich Mitglieder neu an, um hier zu arbeiten: zum Beispiel 8h oder 7d. Leer: solange die Sitzung dauert.',
    'profile.server': 'Keine weiteren Regeln',
    'profile.nist': 'NIST: 15 Zeichen',
    'profile.classic': 'Klassisch: 8 Zeichen',
    'profile.pci': 'PCI DSS: 12 Zeichen',
    'profile.custom': 'Eigene, vom Betreiber',
    'profile.hint': 'Sie gelten neben den Regeln des Servers: von jeder Regel zählt die strengste.',
    'conformance.nist':
      'Folgt NIST SP 800-63B-4, Abschnitt 3.1.1.2: eine Mindestlänge und eine Liste abgelehnter Passwörter, keine Zeichenklassen und kein Ablauf.',
    'conformance.classic':
      'Folgt dem, was viele ältere Richtlinien verlangen, und nicht NIST SP 800-63B-4, das Zeichenklassen und regelmäßige Änderungen untersagt.',
    'conformance.pci':
      'Folgt PCI DSS 4.0.1, Anforderungen 8.3.6, 8.3.7 und 8.3.9; die Anforderungen 8.3.4 und 8.2.8 (Sperre und unbenutzte Sitzungen) hängen von anderen Einstellungen ab.',
    'conformance.custom': 'Folgt den Einstellungen des Servers und beansprucht keinen Standard.',
    'policy.review': 'Änderung prüfen',
    'policy.read_only': 'Nur Mitglieder mit der Berechtigung dazu können die Sicherheitsrichtlinie ändern.',
    'policy.since': 'Erforderlich seit {time}',
    'review.title': 'Die Sicherheits\u00ADrichtlinie ändern?',
    'review.none': 'Von {members} Personen müsste niemand einen zweiten Faktor einrichten.',
    'review.effect': {
      one: 'Von {members} Personen müsste eine einen zweiten Faktor einrichten, spätestens am {date}.',
      other: 'Von {members} Personen müssten {count} einen zweiten Faktor einrichten, die erste bis {date}.',
    },
    'review.at_once': {
      one: 'Von {members} Personen müsste eine sofort einen zweiten Faktor einrichten.',
      other: 'Von {members} Personen müssten {count} einen zweiten Faktor einrichten, die erste sofort.',
    },
    'review.only_none': 'Das einzige Mitglied müsste keinen zweiten Faktor einrichten.',
    'review.only_effect':
      'Das einzige Mitglied müsste einen zweiten Faktor einrichten, spätestens am {date}.',
    'review.only_at_once': 'Das einzige Mitglied müsste sofort einen zweiten Faktor einrichten.',
    'review.sessions': {
      one: 'Eine Person verliert in einer offenen Sitzung den Zugang, bis das geschehen ist.',
      other: '{count} Personen verlieren in ihren offenen Sitzungen den Zugang, bis das geschehen ist.',
    },
    'review.sso':
      'Um in dieser Organisation zu arbeiten, müssen sich Mitglieder anmelden über: {connections}.',
    'review.sso_all': 'Alle Mitglieder haben sich schon einmal so angemeldet.',
    'review.sso_connect': {
      one: 'Von {members} Personen hat sich eine noch nicht so angemeldet.',
      other: 'Von {members} Personen haben sich {count} noch nicht so angemeldet.',
    },
    'review.sso_other': {
      one: 'Eine davon hat keine Adresse bei Ihren bestätigten Domains und muss zuerst unter „Verbundene Konten“ ein Konto dort verbinden.',
      other:
        '{count} davon haben keine Adresse bei Ihren bestätigten Domains und müssen zuerst unter „Verbundene Konten“ ein Konto dort verbinden.',
    },
    'review.sso_owners':
      'Fällt der Anbieter aus, können sich Inhaber stattdessen mit einem Passwort oder Passkey und einem zweiten Faktor anmelden. Ein zweiter Faktor zählt 24 Stunden, nachdem er eingerichtet wurde. Die anderen Inhaber erhalten darüber eine E-Mail.',
    'review.sso_some_owners': {
      one: 'Von {owners} Inhabern hat einer keinen zweiten Faktor und könnte sich ohne den Anbieter nicht anmelden.',
      other:
        'Von {owners} Inhabern haben {count} keinen zweiten Faktor und könnten sich ohne den Anbieter nicht anmelden.',
    },
    'review.sso_waiting': {
      one: 'Von {owners} Inhabern hat einer vor weniger als 24 Stunden einen zweiten Faktor eingerichtet und kann sich erst ab {time} ohne den Anbieter anmelden.',
      other:
        'Von {owners} Inhabern haben {count} vor weniger als 24 Stunden einen zweiten Faktor eingerichtet und können sich erst ab {time} alle ohne den Anbieter anmelden.',
    },
    'review.sso_no_owner':
      'Kein Inhaber hat einen zweiten Faktor: Fällt der Anbieter aus, kann diese Richtlinie nicht mehr geändert werden. {link}',
    'review.sso_factor': 'Richten Sie zuerst einen zweiten Faktor ein',
    'review.sso_sessions': {
      one: 'Eine Person verliert in einer offenen Sitzung den Zugang, bis sie sich so angemeldet hat.',
      other:
        '{count} Personen verlieren in ihren offenen Sitzungen den Zugang, bis sie sich so angemeldet haben.',
    },
    'review.any': 'Mitglieder können sich wieder mit jeder Methode anmelden.',
    'review.emails': {
      one: 'Diese Person wird per E-Mail benachrichtigt.',
      other: 'Diese Personen werden per E-Mail benachrichtigt.',
    },
    'review.save': 'Richtlinie speichern',
    'review.cancel': 'Nichts ändern',
    'refused.stale':
      'Die Richtlinie wurde inzwischen geändert. Prüfen Sie sie, und ändern Sie sie dann erneut.',
    'refused.totp': 'Lassen Sie Authenticator-Apps zu, weil sie erforderlich sind.',
    'refused.passkey': 'Lassen Sie Passkeys zu, weil sie erforderlich sind.',
    'refused.methods': 'Lassen Sie Authenticator-Apps oder Passkeys zu.',
    'session.invalid': 'Geben Sie eine Dauer von 5 Minuten bis 365 Tagen an, zum Beispiel 8h.',
    'compliance.title': 'Mitglieder',
    'compliance.none': 'Kein Mitglied ist in diesem Zustand.',
    'compliance.all': 'Alle',
    'compliance.filter': '{state} ({count})',
    'compliance.due': 'bis {time}',
    'compliance.overdue': 'seit {time}',
    'compliance.open': 'Öffnen',
    'compliance.open_one': 'Öffnen: {name}',
    'compliance.export': 'Als CSV herunterladen',
    'state.not_applicable': 'Nichts erforderlich',
    'state.pending': 'Seit Beginn nicht angemeldet',
    'state.in_grace': 'Frist läuft',
    'state.compliant': 'Eingerichtet',
    'state.past_due': 'Frist abgelaufen',
    'state.suspended': 'Anmeldung gestoppt',
  },
})
