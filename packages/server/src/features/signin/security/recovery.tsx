/** The row of the security page that says how a person gets back in: it changes nothing. */
import { useUi } from '../../../base/page/index.ts'
import type { SecuritySection } from './section.ts'
import { securityText as t } from './texts.ts'

export const recoverySection = (): SecuritySection => ({
  id: 'recovery',
  title: (locale) => t(locale, 'recovery.title'),
  summary: async ({ locale }) => t(locale, 'recovery.summary'),
  view: async () => <Recovery />,
})

function Recovery() {
  const { locale } = useUi()
  return (
    <>
      <ul class="plain">
        <li>{t(locale, 'recovery.password')}</li>
        <li>{t(locale, 'recovery.factor')}</li>
        <li>{t(locale, 'recovery.administrator')}</li>
      </ul>
      <p>
        <a href="/account/sessions">{t(locale, 'recovery.sessions')}</a>
      </p>
    </>
  )
}
