/** Texts of remembered devices. */
import { texts } from '../../../base/page/index.ts'

export const devicesText = texts({
  en: {
    title: 'Remembered devices',
    none: 'None',
    some: { one: '1 device', other: '{count} devices' },
    lead: 'On these devices your password is enough: they do not ask for your second factor. Forget each one that you do not use any more, or do not recognize.',
    lead_none:
      'On a device that you choose to remember when you sign in, your password is enough: it does not ask for your second factor. Your organization may require it nevertheless.',
    device: '{browser} on {system}',
    unknown: 'Unknown device',
    this: 'This device',
    ip: 'IP address: {ip}',
    used: 'Last sign-in {time}',
    until: 'Remembered until {time}',
    forget: 'Forget device',
    forget_description: 'Forget the device: {device}',
    forget_all: 'Forget all devices',
    forgotten: 'Forgotten. The next sign-in there requires your second factor.',
  },
  de: {
    title: 'Vertrauenswürdige Geräte',
    none: 'Keine',
    some: { one: '1 Gerät', other: '{count} Geräte' },
    lead: 'Auf diesen Geräten genügt Ihr Passwort: Der zweite Faktor wird dort nicht verlangt. Entfernen Sie jedes, das Sie nicht mehr benutzen oder nicht erkennen.',
    lead_none:
      'Auf einem Gerät, dem Sie bei der Anmeldung vertrauen, genügt Ihr Passwort: Der zweite Faktor wird dort nicht verlangt. Ihre Organisation kann ihn trotzdem verlangen.',
    device: '{browser} unter {system}',
    unknown: 'Unbekanntes Gerät',
    this: 'Dieses Gerät',
    ip: 'IP-Adresse: {ip}',
    used: 'Letzte Anmeldung {time}',
    until: 'Vertrauenswürdig bis {time}',
    forget: 'Gerät entfernen',
    forget_description: 'Gerät entfernen: {device}',
    forget_all: 'Alle Geräte entfernen',
    forgotten: 'Entfernt. Die nächste Anmeldung dort verlangt Ihren zweiten Faktor.',
  },
})
