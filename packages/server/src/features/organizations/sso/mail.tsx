/**
 * The e-mails to the owners of an organization that requires its connection for signing in: that this has lapsed, and that
 * an owner acts without it. Names are text in the body, never in the subject.
 */
import type { Locale } from '../../../base/call.ts'
import { texts } from '../../../base/page/index.ts'
import type { Config } from '../../../config.ts'
import { Action, Note, Paragraph } from '../../../core/mail/email.tsx'
import type { Email } from '../../../core/mail/index.ts'

const t = texts({
  en: {
    'lapsed.subject': 'Members can sign in without your identity provider at {brand}',
    'lapsed.lead':
      'The organization “{organization}” requires its members to sign in by its identity provider. It has no active connection with a verified domain any more, so that this is not enforced: members sign in by any method.',
    'lapsed.what': 'Activate a connection and verify a domain. It is enforced again from that moment.',
    'bypassed.subject': 'An owner works without your identity provider at {brand}',
    'bypassed.lead':
      '{by} works in the organization “{organization}” without its identity provider, which the security policy requires. Owners may do this with a second factor, for example if the provider fails.',
    'bypassed.what': 'If you did not expect this, speak to this person, and review the audit log.',
    action: 'Open the security policy',
    about: 'You get this e-mail because you are an owner of the organization.',
  },
  de: {
    'lapsed.subject': 'Mitglieder können sich bei {brand} ohne Ihren Identitätsanbieter anmelden',
    'lapsed.lead':
      'Die Organisation „{organization}“ verlangt, dass sich ihre Mitglieder über ihren Identitätsanbieter anmelden. Sie hat keine aktive Verbindung mit einer bestätigten Domain mehr; deshalb wird das nicht durchgesetzt: Mitglieder melden sich mit jeder Methode an.',
    'lapsed.what':
      'Aktivieren Sie eine Verbindung und bestätigen Sie eine Domain. Von da an wird es wieder durchgesetzt.',
    'bypassed.subject': 'Zugriff bei {brand} ohne Ihren Identitätsanbieter',
    'bypassed.lead':
      '{by} arbeitet in der Organisation „{organization}“ ohne ihren Identitätsanbieter, den die Sicherheitsrichtlinie verlangt. Inhaber dürfen das mit einem zweiten Faktor, zum Beispiel wenn der Anbieter ausfällt.',
    'bypassed.what':
      'Wenn Sie das nicht erwartet haben, sprechen Sie mit dieser Person, und prüfen Sie das Protokoll.',
    action: 'Sicherheitsrichtlinie öffnen',
    about: 'Sie erhalten diese E-Mail, weil Sie Inhaber der Organisation sind.',
  },
})

type Host = Pick<Config, 'publicUrl' | 'brandName'>

interface ToOwner {
  to: string
  locale: Locale
  organization: { id: string; name: string }
}

function emailAbout(
  { brandName: brand, publicUrl }: Host,
  { to, locale, organization }: ToOwner,
  what: 'lapsed' | 'bypassed',
  values: { by?: string } = {},
): Email {
  const named = { organization: organization.name, by: values.by ?? '' }
  return {
    to,
    locale,
    subject: t(locale, `${what}.subject`, { brand }),
    body: (
      <>
        <Paragraph>{t(locale, `${what}.lead`, named)}</Paragraph>
        <Paragraph>{t(locale, `${what}.what`)}</Paragraph>
        <Action href={`${publicUrl}/account/organizations/${organization.id}/security`}>
          {t(locale, 'action')}
        </Action>
        <Note>{t(locale, 'about')}</Note>
      </>
    ),
  }
}

export const lapseEmail = (host: Host, to: ToOwner): Email => emailAbout(host, to, 'lapsed')

export const bypassEmail = (host: Host, { by, ...to }: ToOwner & { by: string }): Email =>
  emailAbout(host, to, 'bypassed', { by })
