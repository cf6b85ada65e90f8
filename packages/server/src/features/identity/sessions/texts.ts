/** Texts of the page of a user's sessions. */
import { texts } from '../../../base/page/index.ts'

export const sessionsText = texts({
  en: {
    'sessions.title': 'Sessions',
    'sessions.here': 'This session',
    'sessions.others': 'Other sessions',
    'sessions.others_lead':
      'Your sessions on other devices and in other browsers. End each session that you do not recognize, then change your password.',
    'sessions.none': 'You are not signed in anywhere else.',
    'sessions.this': 'This device',
    'sessions.device': '{browser} on {system}',
    'sessions.unknown': 'Unknown device',
    'sessions.signed_in': 'Signed in {time}',
    'sessions.seen': 'Last seen {time}',
    'sessions.now': 'Active now',
    'sessions.ip': 'From {ip}',
    'sessions.remembered': 'stays signed in',
    'sessions.end': 'End session',
    'sessions.end_description': 'End session: {device}',
    'sessions.end_others': 'End all other sessions',
    'sessions.sign_out': 'Sign out',
    'sessions.ended': 'Session ended.',
    'sessions.others_ended': {
      one: 'One other session ended.',
      other: '{count} other sessions ended.',
    },
  },
  de: {
    'sessions.title': 'Sitzungen',
    'sessions.here': 'Diese Sitzung',
    'sessions.others': 'Andere Sitzungen',
    'sessions.others_lead':
      'Ihre Sitzungen auf anderen Geräten und in anderen Browsern. Beenden Sie jede Sitzung, die Sie nicht kennen, und ändern Sie dann Ihr Passwort.',
    'sessions.none': 'Sie sind sonst nirgends angemeldet.',
    'sessions.this': 'Dieses Gerät',
    'sessions.device': '{browser} auf {system}',
    'sessions.unknown': 'Unbekanntes Gerät',
    'sessions.signed_in': 'Angemeldet {time}',
    'sessions.seen': 'Zuletzt gesehen {time}',
    'sessions.now': 'Gerade aktiv',
    'sessions.ip': 'Von {ip}',
    'sessions.remembered': 'bleibt angemeldet',
    'sessions.end': 'Sitzung beenden',
    'sessions.end_description': 'Sitzung beenden: {device}',
    'sessions.end_others': 'Alle anderen Sitzungen beenden',
    'sessions.sign_out': 'Abmelden',
    'sessions.ended': 'Sitzung beendet.',
    'sessions.others_ended': {
      one: 'Eine andere Sitzung beendet.',
      other: '{count} andere Sitzungen beendet.',
    },
  },
})
