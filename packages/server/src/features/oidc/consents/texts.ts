/** What an app will be able to do, in words. */
import { texts } from '../../../base/page/index.ts'

export const wantedText = texts({
  en: {
    what: 'It will be able to:',
    openid: 'know that it is you',
    profile:
      'see your name, your username, your language and what else your profile states, such as birthday, gender, time zone and picture',
    email: 'see your e-mail address',
    phone: 'see your telephone number',
    address: 'see your postal address',
    roles: 'see your roles',
    organization: 'see the organization that you act in, and your role there',
    offline_access: 'keep this access while you are not there',
    resource: '{scope}, at {resource}',
    at_resource: 'use {resource}',
  },
  de: {
    what: 'Die App kann dann:',
    openid: 'wissen, dass Sie es sind',
    profile:
      'Ihren Namen, Ihren Benutzernamen, Ihre Sprache und die weiteren Angaben Ihres Profils sehen, etwa Geburtstag, Geschlecht, Zeitzone und Bild',
    email: 'Ihre E-Mail-Adresse sehen',
    phone: 'Ihre Telefonnummer sehen',
    address: 'Ihre Postanschrift sehen',
    roles: 'Ihre Rollen sehen',
    organization: 'sehen, für welche Organisation Sie handeln und welche Rolle Sie dort haben',
    offline_access: 'diesen Zugriff auch behalten, während Sie nicht da sind',
    resource: '{scope}, bei {resource}',
    at_resource: '{resource} verwenden',
  },
})
