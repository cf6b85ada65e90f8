/** Views of backup codes. Presentation only. */
import { ButtonForm, Field } from '../../../base/page/form.tsx'
import { useUi } from '../../../base/page/index.ts'
import { AccountPage, Alert, ButtonLink, Card, Section } from '../../../base/page/parts.tsx'
import { backupCodesText as t } from './texts.ts'

/** The codes, once. `next`: where the page continues. */
export function SavedCodes({ codes, next }: { codes: readonly string[]; next: string }) {
  const { locale } = useUi()
  return (
    <Card sign="done" title={t(locale, 'saved.title')} lead={t(locale, 'saved.lead')}>
      <ul class="codes">
        {codes.map((code) => (
          <li key={code}>
            <code>{code}</code>
          </li>
        ))}
      </ul>
      <ButtonLink href={next}>{t(locale, 'saved.button')}</ButtonLink>
    </Card>
  )
}

/** /account/security/backup-codes */
export function BackupCodes({
  left,
  offer,
  alert,
}: {
  left: number
  /** Whether codes can be created: not without a factor that they replace, nor where the server does not offer them. */
  offer: 'create' | 'needs_factor' | 'none'
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
          <Alert kind="info">{t(locale, 'page.needs_factor')}</Alert>
        )}
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
