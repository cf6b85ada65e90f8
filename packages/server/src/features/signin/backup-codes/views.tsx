/** Views of backup codes. Presentation only. */
import { ButtonForm, Field } from '../../../base/page/form.tsx'
import { useUi } from '../../../base/page/index.ts'
import {
  AccountPage,
  Actions,
  Alert,
  ButtonLink,
  Card,
  CopyButton,
  LinkRow,
  PrintButton,
  Section,
} from '../../../base/page/parts.tsx'
import { backupCodesText as t } from './texts.ts'

/** The codes, once. `next`: where the page continues. */
export function SavedCodes({ codes, next }: { codes: readonly string[]; next: string }) {
  const { locale, brand, signedIn } = useUi()
  const owner = [brand.name, signedIn?.name ?? signedIn?.email].filter(Boolean).join(' · ')
  const file = [`${t(locale, 'saved.file')}: ${owner}`, '', ...codes, ''].join('\r\n')
  return (
    <Card sign="done" title={t(locale, 'saved.title')} lead={t(locale, 'saved.lead')}>
      <p class="block quiet">{owner}</p>
      <ul class="codes" id="codes">
        {codes.map((code) => (
          <li key={code}>
            <code>{code}</code>
          </li>
        ))}
      </ul>
      <Actions>
        <CopyButton of="codes" kind="secondary" />
        {/* an address with the contents: no request carries them, and it works without a script */}
        <a
          class="button secondary"
          href={`data:text/plain;charset=utf-8,${encodeURIComponent(file)}`}
          download="backup-codes.txt"
        >
          {t(locale, 'saved.download')}
        </a>
        <PrintButton />
      </Actions>
      <ButtonLink href={next}>{t(locale, 'saved.button')}</ButtonLink>
    </Card>
  )
}

const ADD = { totp: '/account/security/totp', passkey: '/account/security/passkeys/new' } as const

/** /account/security/backup-codes */
export function BackupCodes({
  left,
  offer,
  enrollable = [],
  alert,
}: {
  left: number
  /** Whether codes can be created: not without a factor that they replace, nor where the server does not offer them. */
  offer: 'create' | 'needs_factor' | 'none'
  /** The factors that codes could replace and that the server lets users set up. */
  enrollable?: readonly ('totp' | 'passkey')[]
  alert?: string | null | undefined
}) {
  const { locale } = useUi()
  return (
    <AccountPage current="security" title={t(locale, 'page.title')}>
      <Section lead={t(locale, 'page.lead')}>
        <p class="strong block">
          {left === 0 ? t(locale, 'page.none') : t(locale, 'page.left', { count: left })}
        </p>
        {offer === 'none' ? null : offer === 'create' ? (
          <>
            {left > 0 ? <p class="lead">{t(locale, 'page.replace')}</p> : null}
            <ButtonForm
              action="/account/security/backup-codes"
              kind="primary"
              label={t(locale, 'page.button')}
              alert={alert ?? null}
            />
          </>
        ) : (
          <>
            <Alert kind="info">{t(locale, 'page.needs_factor')}</Alert>
            <Actions>
              {enrollable.map((kind) => (
                <ButtonLink key={kind} href={ADD[kind]} kind="secondary">
                  {t(locale, `page.add_${kind}`)}
                </ButtonLink>
              ))}
            </Actions>
          </>
        )}
        <LinkRow>
          <a href="/account/security">{t(locale, 'page.back')}</a>
        </LinkRow>
      </Section>
    </AccountPage>
  )
}

/** The row of the security page. */
export function BackupCodesRow() {
  const { locale } = useUi()
  return (
    <>
      <p>{t(locale, 'page.lead')}</p>
      <p>
        <a href="/account/security/backup-codes">{t(locale, 'row.manage')}</a>
      </p>
    </>
  )
}

export const BackupCodeField = () => <Field name="code" autocomplete="off" maxlength={60} autofocus />
