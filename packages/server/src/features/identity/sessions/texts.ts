/** What the page of one's sessions says. */
import { texts } from '../../../base/page/index.ts'

export const sessionsText = texts({
  en: {
    'sessions.title': 'Sessions',
    'sessions.here': 'This session',
    'sessions.others': 'Other sessions',
    'sessions.others_lead':
      'Where else you are signed in. End what you do not recognize, then change your password.',
    'sessions.none': 'You are not signed in anywhere else.',
    'sessions.this': 'This device',
    'sessions.device': '{browser} on {system}',
    'sessions.unknown': 'Unknown device',
    'sessions.signed_in': 'Signed in {time}',
    'sessions.seen': 'Last seen {time}',
    'sessions.now': 'Active now',
    'sessions.ip': 'From {ip}',
    'sessions.remembered': 'stays signed in',
    'sessions.end': 'End',
    'sessions.end_description': 'End session: {device}',
    'sessions.end_others': 'End all other sessions',
    'sessions.sign_out': 'Sign out',
    'sessions.ended': 'The session is ended.',
    'sessions.others_ended': {
      one: 'One other session is ended.',
      other: '{count} other sessions are ended.',
    },
  },
  de: {
    'sessions.title': 'Sitzungen',
    'sessions.here': 'Diese Sitzung',
    'sessions.others': 'Andere Sitzungen',
    'sessions.others_lead':
      'Wo Sie außerdem angemeldet sind. Beenden Sie, was Sie nicht kennen, und ändern Sie dann Ihr Passwort.',
    'sessions.none': 'Sie sind sonst nirgends angemeldet.',
    'sessions.this': 'Dieses Gerät',
    'sessions.device': '{browser} auf {system}',
    'sessions.unknown': 'Unbekanntes Gerät',
    'sessions.signed_in': 'Angemeldet {time}',
    'sessions.seen': 'Zuletzt gesehen {time}',
    'sessions.now': 'Gerade aktiv',
    'sessions.ip': 'Von {ip}',
    'sessions.remembered': 'bleibt angemeldet',
    'sessions.end': 'Beenden',
    'sessions.end_description': 'Sitzung beenden: {device}',
    'sessions.end_others': 'Alle anderen Sitzungen beenden',
    'sessions.sign_out': 'Abmelden',
    'sessions.ended': 'Die Sitzung ist beendet.',
    'sessions.others_ended': {
      one: 'Eine andere Sitzung ist beendet.',
      other: '{count} andere Sitzungen sind beendet.',
    },
  },
})
