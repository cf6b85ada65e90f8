/** Texts of the pages and e-mails of SAML. */
import { texts } from '../../../base/page/index.ts'

export const samlText = texts({
  en: {
    'send.title': 'One moment',
    'send.lead': 'You are being taken to {host}.',
    'send.signed_out':
      'You are signed out here. Next, {host} ends your session there. Until it has confirmed that, you may still be signed in there.',
    'send.button': 'Continue',
    'logout.refused':
      'The request to sign out was not accepted. Sign out here, or try again from your identity provider.',
    'expiry.subject': {
      one: 'A certificate of “{name}” expires within {count} day',
      other: 'A certificate of “{name}” expires within {count} days',
    },
    'expiry.provider':
      'The certificate with which the identity provider of the connection “{name}” signs expires on {date}. Sign-ins by this connection fail afterwards, unless the provider uses a new certificate by then and the connection knows it.',
    'expiry.server':
      'The certificate with which this server takes part in the connection “{name}” expires on {date}. Its successor is in the metadata of the connection: let the identity provider read it again.',
    'expiry.metadata': 'The metadata of the connection is at {url}.',
  },
  de: {
    'send.title': 'Einen Moment',
    'send.lead': 'Sie werden zu {host} weitergeleitet.',
    'send.signed_out':
      'Sie sind hier abgemeldet. Als Nächstes beendet {host} Ihre Sitzung dort. Solange das nicht bestätigt ist, sind Sie dort möglicherweise noch angemeldet.',
    'send.button': 'Weiter',
    'logout.refused':
      'Die Aufforderung zum Abmelden wurde nicht angenommen. Melden Sie sich hier ab, oder versuchen Sie es bei Ihrem Identitätsanbieter noch einmal.',
    'expiry.subject': {
      one: 'Ein Zertifikat von „{name}“ läuft binnen {count} Tag ab',
      other: 'Ein Zertifikat von „{name}“ läuft binnen {count} Tagen ab',
    },
    'expiry.provider':
      'Das Zertifikat, mit dem der Identitätsanbieter der Verbindung „{name}“ signiert, läuft am {date} ab. Danach schlagen Anmeldungen über diese Verbindung fehl, wenn der Anbieter bis dahin kein neues Zertifikat verwendet, das die Verbindung kennt.',
    'expiry.server':
      'Das Zertifikat, mit dem dieser Server an der Verbindung „{name}“ teilnimmt, läuft am {date} ab. Das nächste steht in den Metadaten der Verbindung: Lassen Sie den Identitätsanbieter sie neu lesen.',
    'expiry.metadata': 'Die Metadaten der Verbindung stehen unter {url}.',
  },
})
