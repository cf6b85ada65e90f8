/** Texts of the pages on which a user signs a device in. */
import { texts } from '../../../base/page/index.ts'

export const deviceText = texts({
  en: {
    'enter.title': 'Sign in on another device',
    'enter.lead': 'Enter the code that your device shows.',
    'enter.code': 'Code',
    'enter.hint': 'Eight letters, such as {example}',
    'enter.continue': 'Continue',
    'enter.unknown': 'This code is not right, or it has expired. Your device may show a new one.',
    'question.title': 'Sign in to {app} on your device?',
    'question.lead': '{app} on another device would like to use your account.',
    'question.of': 'An app of {organization}.',
    'question.account': 'You are signed in as {account}.',
    'question.compare': 'Your device has to show this code:',
    'question.trick':
      'Did you get this code, or a link to this page, by a message or a call? Then do not allow it: it is a trick, and the sender would get into your account. Allow it only if the device is yours and you have just begun there.',
    'question.begun': 'Begun at {time}, from the address {address}.',
    'question.begun_somewhere': 'Begun at {time}.',
    'question.allow': 'Allow',
    'question.deny': 'Do not allow',
    'question.other': 'Use another account',
    'allowed.title': 'Your device is signed in',
    'allowed.lead': '{app} continues on your device within a few seconds. You can close this page.',
    'denied.title': 'Not allowed',
    'denied.lead': '{app} gets no access to your account. You can close this page.',
    'refused.title': 'You cannot sign in to {app}',
    'refused.lead':
      'This account may not use the app, or does not have what it requires. Ask the people who run the app, or use another account.',
  },
  de: {
    'enter.title': 'Auf einem anderen Gerät anmelden',
    'enter.lead': 'Geben Sie den Code ein, den Ihr Gerät anzeigt.',
    'enter.code': 'Code',
    'enter.hint': 'Acht Buchstaben, zum Beispiel {example}',
    'enter.continue': 'Weiter',
    'enter.unknown': 'Dieser Code stimmt nicht oder ist abgelaufen. Vielleicht zeigt Ihr Gerät einen neuen.',
    'question.title': 'Bei {app} auf Ihrem Gerät anmelden?',
    'question.lead': '{app} auf einem anderen Gerät möchte Ihr Konto verwenden.',
    'question.of': 'Eine App von {organization}.',
    'question.account': 'Sie sind angemeldet als {account}.',
    'question.compare': 'Ihr Gerät muss diesen Code anzeigen:',
    'question.trick':
      'Haben Sie diesen Code oder einen Link zu dieser Seite in einer Nachricht oder am Telefon bekommen? Dann erlauben Sie es nicht: Es ist ein Trick, mit dem andere in Ihr Konto kämen. Erlauben Sie es nur, wenn das Gerät Ihres ist und Sie dort gerade begonnen haben.',
    'question.begun': 'Begonnen am {time}, von der Adresse {address}.',
    'question.begun_somewhere': 'Begonnen am {time}.',
    'question.allow': 'Erlauben',
    'question.deny': 'Nicht erlauben',
    'question.other': 'Anderes Konto verwenden',
    'allowed.title': 'Ihr Gerät ist angemeldet',
    'allowed.lead':
      '{app} macht auf Ihrem Gerät in wenigen Sekunden weiter. Sie können diese Seite schließen.',
    'denied.title': 'Nicht erlaubt',
    'denied.lead': '{app} bekommt keinen Zugriff auf Ihr Konto. Sie können diese Seite schließen.',
    'refused.title': 'Sie können sich bei {app} nicht anmelden',
    'refused.lead':
      'Dieses Konto darf die App nicht verwenden, oder ihm fehlt, was sie verlangt. Wenden Sie sich an die Betreiber der App, oder verwenden Sie ein anderes Konto.',
  },
})
