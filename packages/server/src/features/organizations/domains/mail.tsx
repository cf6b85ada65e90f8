/** The e-mail to the owners of an organization about a verified domain whose record is no longer found. */
import type { Locale } from '../../../base/call.ts'
import { texts } from '../../../base/page/index.ts'
import type { Config } from '../../../config.ts'
import { Action, Note, Paragraph } from '../../../core/mail/email.tsx'
import type { Email } from '../../../core/mail/index.ts'
import { CHALLENGE } from './domains.ts'
import type { CheckOutcome } from './tables.ts'

const t = texts({
  en: {
    subject: 'The DNS record of one of your domains is missing at {brand}',
    lead: 'The organization “{organization}” has verified the domain {domain}. The TXT record that proves it should be at {name}.',
    'found.not_found': 'At the last check there was no such record.',
    'found.other_values': 'At the last check there were only records with other values.',
    'found.no_answer': 'At the last check the name servers of the domain did not answer.',
    stays: 'The domain stays verified, and signing in works as before. Please publish the record again.',
    action: 'View the record',
    about: 'You get this e-mail once, because you are an owner of the organization.',
  },
  de: {
    subject: 'Der DNS-Eintrag einer Ihrer Domains fehlt bei {brand}',
    lead: 'Die Organisation „{organization}“ hat die Domain {domain} bestätigt. Der TXT-Eintrag, der sie nachweist, sollte unter {name} stehen.',
    'found.not_found': 'Bei der letzten Prüfung gab es dort keinen solchen Eintrag.',
    'found.other_values': 'Bei der letzten Prüfung gab es dort nur Einträge mit anderen Werten.',
    'found.no_answer': 'Bei der letzten Prüfung haben die Nameserver der Domain nicht geantwortet.',
    stays:
      'Die Domain bleibt bestätigt, und die Anmeldung funktioniert wie bisher. Bitte veröffentlichen Sie den Eintrag wieder.',
    action: 'Eintrag ansehen',
    about: 'Sie erhalten diese E-Mail einmal, weil Sie Inhaber der Organisation sind.',
  },
})

export interface DomainWarning {
  to: string
  locale: Locale
  id: string
  domain: string
  outcome: CheckOutcome
  organization: { id: string; name: string }
}

export function domainWarningEmail(
  { brandName: brand, publicUrl }: Pick<Config, 'publicUrl' | 'brandName'>,
  { to, locale, id, domain, outcome, organization }: DomainWarning,
): Email {
  const values = { organization: organization.name, domain, name: `${CHALLENGE}.${domain}` }
  const found = t.find(locale, `found.${outcome}`)
  return {
    to,
    locale,
    subject: t(locale, 'subject', { brand }),
    body: (
      <>
        <Paragraph>{t(locale, 'lead', values)}</Paragraph>
        {found === null ? null : <Paragraph>{found}</Paragraph>}
        <Paragraph>{t(locale, 'stays')}</Paragraph>
        <Action href={`${publicUrl}/account/organizations/${organization.id}/domains/${id}`}>
          {t(locale, 'action')}
        </Action>
        <Note>{t(locale, 'about')}</Note>
      </>
    ),
  }
}
