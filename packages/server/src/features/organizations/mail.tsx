/**
 * The letters of organizations. An invitation may reach somebody who never asked: what strangers chose (names) is text
 * in the body, never a link, and in no subject.
 */
import type { Locale } from '../../base/call.ts'
import type { Letter } from '../../base/mail/index.ts'
import { Action, Note, Paragraph } from '../../base/mail/letter.tsx'
import { texts } from '../../base/page/index.ts'
import type { Config } from '../../config.ts'

const t = texts({
  en: {
    'invitation.subject': 'You are invited to an organization at {brand}',
    'invitation.lead': '{inviter} invites you to the organization “{organization}” at {brand}.',
    'invitation.somebody': 'Somebody',
    'invitation.action': 'See the invitation',
    'invitation.lifetime': 'It is for this e-mail address and can be accepted once, until {end} (UTC).',
    'invitation.ignore': 'If you do not know what this is about, do nothing.',
    'deleted.subject': 'An organization of yours at {brand} was deleted',
    'deleted.lead':
      'The organization “{organization}” at {brand} was deleted. Nobody can act in it any more.',
    'deleted.grace': 'Its owners can restore it until {end} (UTC). After that it is gone for good.',
    'deleted.action': 'See your organizations',
  },
  de: {
    'invitation.subject': 'Einladung zu einer Organisation bei {brand}',
    'invitation.lead': '{inviter} lädt Sie in die Organisation „{organization}“ bei {brand} ein.',
    'invitation.somebody': 'Jemand',
    'invitation.action': 'Einladung ansehen',
    'invitation.lifetime':
      'Sie gilt für diese E-Mail-Adresse und kann einmal angenommen werden, bis {end} (UTC).',
    'invitation.ignore': 'Wenn Sie nicht wissen, worum es geht, tun Sie nichts.',
    'deleted.subject': 'Eine Ihrer Organisationen bei {brand} wurde gelöscht',
    'deleted.lead':
      'Die Organisation „{organization}“ bei {brand} wurde gelöscht. Niemand kann mehr in ihr handeln.',
    'deleted.grace':
      'Wem sie gehört, kann sie bis {end} (UTC) wiederherstellen. Danach ist sie endgültig fort.',
    'deleted.action': 'Ihre Organisationen',
  },
})

type Brand = Pick<Config, 'publicUrl' | 'brandName'>

const minuteOf = (at: Date): string => at.toISOString().slice(0, 16).replace('T', ' ')

/** A name that a mail program would turn into a link is not a name. */
const isPlain = (name: string | null): name is string => name !== null && !/:\/\/|\bwww\.|@|\//i.test(name)

export const invitationLetter = (
  config: Brand,
  invitation: {
    to: string
    locale: Locale
    id: string
    token: string
    organization: string
    inviter: string | null
    expiresAt: Date
  },
): Letter => {
  const { to, locale, id, token, organization, expiresAt } = invitation
  const brand = config.brandName
  const inviter = isPlain(invitation.inviter) ? invitation.inviter : t(locale, 'invitation.somebody')
  return {
    to,
    locale,
    subject: t(locale, 'invitation.subject', { brand }),
    body: (
      <>
        <Paragraph>{t(locale, 'invitation.lead', { inviter, organization, brand })}</Paragraph>
        <Action href={`${config.publicUrl}/invitations/${id}?${new URLSearchParams({ token })}`}>
          {t(locale, 'invitation.action')}
        </Action>
        <Paragraph>{t(locale, 'invitation.lifetime', { end: minuteOf(expiresAt) })}</Paragraph>
        <Note>{t(locale, 'invitation.ignore')}</Note>
      </>
    ),
  }
}

export const deletedLetter = (
  config: Brand,
  { to, locale, name, purgeAt }: { to: string; locale: Locale; name: string; purgeAt: Date },
): Letter => ({
  to,
  locale,
  subject: t(locale, 'deleted.subject', { brand: config.brandName }),
  body: (
    <>
      <Paragraph>{t(locale, 'deleted.lead', { organization: name, brand: config.brandName })}</Paragraph>
      <Action href={`${config.publicUrl}/account/organizations`}>{t(locale, 'deleted.action')}</Action>
      <Note>{t(locale, 'deleted.grace', { end: minuteOf(purgeAt) })}</Note>
    </>
  ),
})
