/** The page that brings a message to the identity provider. Presentation only. */
import { useUi } from '../../../base/page/index.ts'
import { Button, Card } from '../../../base/page/parts.tsx'
import { samlText as t } from './texts.ts'

/** The form leads to another host, so that it has no CSRF token. The script sends it; without one, the button does. */
export function SendMessage({
  action,
  method,
  fields,
  lead,
}: {
  action: string
  method: 'get' | 'post'
  fields: readonly (readonly [string, string])[]
  lead: 'send.lead' | 'send.signed_out'
}) {
  const { locale } = useUi()
  return (
    <Card title={t(locale, 'send.title')} lead={t(locale, lead, { host: new URL(action).host })}>
      <form method={method} action={action} class="button-form" data-send="">
        {fields.map(([name, value]) => (
          <input key={name} type="hidden" name={name} value={value} />
        ))}
        <Button>{t(locale, 'send.button')}</Button>
      </form>
    </Card>
  )
}
