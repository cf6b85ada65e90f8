/** The row of the security page that says how a person gets back in: it changes nothing. */
import type { Locale } from '../../../base/call.ts'
import { useUi } from '../../../base/page/index.ts'
import type { Config } from '../../../config.ts'
import type { Tools } from '../../../core/tools.ts'
import type { SecuritySection } from './section.ts'
import { securityText as t } from './texts.ts'

/** That the mailbox signs in, by what the server sends; null where it sends nothing. */
export function emailSignInText(locale: Locale, ways: Config['emailSignIn']): string | null {
  const [way] = ways
  return way === undefined ? null : t(locale, ways.length > 1 ? 'email.both' : `email.${way}`)
}

export const recoverySection = ({ config }: Pick<Tools, 'config'>): SecuritySection => ({
  id: 'recovery',
  title: (locale) => t(locale, 'recovery.title'),
  summary: async ({ locale }) => t(locale, 'recovery.summary'),
  view: async ({ locale }) => <Recovery byEmail={emailSignInText(locale, config.emailSignIn)} />,
})

function Recovery({ byEmail }: { byEmail: string | null }) {
  const { locale } = useUi()
  return (
    <>
      <ul class="plain">
        <li>{t(locale, 'recovery.password')}</li>
        {byEmail ? <li>{byEmail}</li> : null}
        <li>{t(locale, 'recovery.factor')}</li>
        <li>{t(locale, 'recovery.administrator')}</li>
      </ul>
      <p>
        <a href="/account/sessions">{t(locale, 'recovery.sessions')}</a>
      </p>
    </>
  )
}
