/**
 * The invitation e-mail. Its recipient did not ask for it: names that other people chose are text in the body, never a
 * link and never in the subject.
 */
import type { Locale } from '../../../base/call.ts'
import { texts, timeText } from '../../../base/page/index.ts'
import type { Config } from '../../../config.ts'
import { Action, Note, Paragraph } from '../../../core/mail/email.tsx'
import type { Email } from '../../../core/mail/index.ts'

const t = texts({
  en: {
    subject: 'You are invited to an organization at {brand}',
    lead: '{inviter} invites you to the organization “{organization}” at {brand}.',
    unnamed: '{inviter} invites you to an organization at {brand}.',
    unnamed_inviter: 'A member',
    action: 'View invitation',
    lifetime: 'The invitation is for this e-mail address. You can accept it once, until {end}.',
    ignore: 'If you did not expect this invitation, you can ignore this e-mail.',
  },
  de: {
    subject: 'Einladung zu einer Organisation bei {brand}',
    lead: '{inviter} lädt Sie in die Organisation „{organization}“ bei {brand} ein.',
    unnamed: '{inviter} lädt Sie in eine Organisation bei {brand} ein.',
    unnamed_inviter: 'Ein Mitglied',
    action: 'Einladung ansehen',
    lifetime: 'Die Einladung gilt für diese E-Mail-Adresse. Sie können sie einmal annehmen, bis {end}.',
    ignore: 'Wenn Sie diese Einladung nicht erwartet haben, können Sie diese E-Mail ignorieren.',
  },
})

type Brand = Pick<Config, 'publicUrl' | 'brandName'>

/** False for a name that a mail program would turn into a link. */
const isPlain = (name: string | null): name is string =>
  name !== null && !/:\/\/|\bwww\.|@|\/|[\p{L}\p{N}]\.\p{L}{2}/iu.test(name)

export const invitationEmail = (
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
): Email => {
  const { to, locale, id, token, organization, expiresAt } = invitation
  const brand = config.brandName
  const inviter = isPlain(invitation.inviter) ? invitation.inviter : t(locale, 'unnamed_inviter')
  return {
    to,
    locale,
    subject: t(locale, 'subject', { brand }),
    body: (
      <>
        <Paragraph>
          {isPlain(organization)
            ? t(locale, 'lead', { inviter, organization, brand })
            : t(locale, 'unnamed', { inviter, brand })}
        </Paragraph>
        <Action href={`${config.publicUrl}/invitations/${id}?${new URLSearchParams({ token })}`}>
          {t(locale, 'action')}
        </Action>
        <Paragraph>{t(locale, 'lifetime', { end: timeText(locale, expiresAt) })}</Paragraph>
        <Note>{t(locale, 'ignore')}</Note>
      </>
    ),
  }
}
