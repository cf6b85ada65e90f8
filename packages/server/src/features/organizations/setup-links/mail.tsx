/** The e-mails of set-up links: the link itself, to people without an account, and to the owners when it is completed. */
import type { Locale } from '../../../base/call.ts'
import { texts, timeText } from '../../../base/page/index.ts'
import type { Config } from '../../../config.ts'
import { Action, Note, Paragraph } from '../../../core/mail/email.tsx'
import type { Email } from '../../../core/mail/index.ts'
import type { SetupLink } from './sql.ts'
import type { SetupUse } from './use.ts'

const t = texts({
  en: {
    subject: 'Set up the sign-in of your organization at {brand}',
    lead: 'Please connect the identity provider of the organization “{organization}” with {brand}. You need no account for it: the page leads you step by step.',
    action: 'Begin the set-up',
    lifetime:
      'The link works until {end}. Forward it only to colleagues who do this with you: everyone who has it can do the set-up.',
    ignore: 'If you did not expect this, you can ignore this e-mail.',
    'done.subject': 'The sign-in of your organization is set up at {brand}',
    'done.lead': 'The set-up of “{organization}” is completed. {maker} had created the link for it.',
    'done.lead_unnamed': 'The set-up of “{organization}”, for which a link was created, is completed.',
    'done.check': 'Please have a look at the connection and its domains.',
    'done.unverified': 'The connection is used for signing in as soon as one of its domains is verified.',
    'done.chosen':
      'No domain of the organization leads to the connection yet. It is used for signing in as soon as an owner chooses it for a domain, on the page of that domain.',
    'done.check_domains': 'Please have a look at its domains. A domain is used once it is verified.',
    'done.action': 'View the connections',
    'done.action_domains': 'View the domains',
    'done.action_choose': 'Choose it for a domain',
    'done.about': 'You get this e-mail because you are an owner of the organization.',
  },
  de: {
    subject: 'Anmeldung Ihrer Organisation bei {brand} einrichten',
    lead: 'Bitte verbinden Sie den Identitätsanbieter der Organisation „{organization}“ mit {brand}. Dazu brauchen Sie kein Konto: Die Seite führt Sie Schritt für Schritt.',
    action: 'Einrichtung beginnen',
    lifetime:
      'Der Link gilt bis {end}. Geben Sie ihn nur an Kolleginnen und Kollegen weiter, die mit einrichten: Wer ihn hat, kann die Einrichtung vornehmen.',
    ignore: 'Wenn Sie dies nicht erwartet haben, können Sie diese E-Mail ignorieren.',
    'done.subject': 'Die Anmeldung Ihrer Organisation bei {brand} ist eingerichtet',
    'done.lead':
      'Die Einrichtung von „{organization}“ ist abgeschlossen. Den Link dafür hat {maker} erstellt.',
    'done.lead_unnamed':
      'Die Einrichtung von „{organization}“, für die ein Link erstellt wurde, ist abgeschlossen.',
    'done.check': 'Bitte sehen Sie sich die Verbindung und ihre Domains an.',
    'done.unverified': 'Die Verbindung wird zum Anmelden verwendet, sobald eine ihrer Domains bestätigt ist.',
    'done.chosen':
      'Noch führt keine Domain der Organisation zu der Verbindung. Sie wird zum Anmelden verwendet, sobald Sie oder andere Inhaber sie auf der Seite einer Domain wählen.',
    'done.check_domains':
      'Bitte sehen Sie sich ihre Domains an. Eine Domain wird verwendet, sobald sie bestätigt ist.',
    'done.action': 'Verbindungen ansehen',
    'done.action_domains': 'Domains ansehen',
    'done.action_choose': 'Für eine Domain wählen',
    'done.about': 'Sie erhalten diese E-Mail, weil Sie Inhaber der Organisation sind.',
  },
})

type Brand = Pick<Config, 'publicUrl' | 'brandName'>

export function setupLinkEmail(
  { brandName: brand }: Brand,
  {
    to,
    locale,
    url,
    organization,
    expiresAt,
  }: { to: string; locale: Locale; url: string; organization: string; expiresAt: Date },
): Email {
  return {
    to,
    locale,
    subject: t(locale, 'subject', { brand }),
    body: (
      <>
        <Paragraph>{t(locale, 'lead', { organization, brand })}</Paragraph>
        <Action href={url}>{t(locale, 'action')}</Action>
        <Paragraph>{t(locale, 'lifetime', { end: timeText(locale, expiresAt) })}</Paragraph>
        <Note>{t(locale, 'ignore')}</Note>
      </>
    ),
  }
}

/** What owners do next: the texts, and the page. */
const NEXT = {
  domain: { text: null, more: 'done.check_domains', action: 'done.action_domains', page: 'domains' },
  used: { text: 'done.check', more: null, action: 'done.action', page: 'connections' },
  unverified: { text: 'done.check', more: 'done.unverified', action: 'done.action_domains', page: 'domains' },
  chosen: { text: 'done.check', more: 'done.chosen', action: 'done.action_choose', page: 'domains' },
} as const

export function setupCompletedEmail(
  { publicUrl, brandName: brand }: Brand,
  {
    to,
    locale,
    organization,
    intent,
    maker,
    state,
  }: {
    to: string
    locale: Locale
    organization: { id: string; name: string }
    intent: SetupLink['intent']
    /** The address of the owner who created the link; null where that is no owner any more. */
    maker: string | null
    state: SetupUse['state']
  },
): Email {
  const { text, more, action, page } = NEXT[intent === 'domain' ? intent : state]
  const { id, name } = organization
  return {
    to,
    locale,
    subject: t(locale, 'done.subject', { brand }),
    body: (
      <>
        <Paragraph>
          {maker === null
            ? t(locale, 'done.lead_unnamed', { organization: name })
            : t(locale, 'done.lead', { organization: name, maker })}
        </Paragraph>
        {text === null ? null : <Paragraph>{t(locale, text)}</Paragraph>}
        {more === null ? null : <Paragraph>{t(locale, more)}</Paragraph>}
        <Action href={`${publicUrl}/account/organizations/${id}/${page}`}>{t(locale, action)}</Action>
        <Note>{t(locale, 'done.about')}</Note>
      </>
    ),
  }
}
