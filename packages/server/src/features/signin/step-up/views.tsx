/** The page that sends a kept form, and the one that says that it was lost. Presentation only. */
import type { HeldForm } from '../../../base/http/serve/steps.ts'
import { baseText } from '../../../base/page/base-texts.ts'
import { Form } from '../../../base/page/form.tsx'
import { useUi } from '../../../base/page/index.ts'
import { Button, ButtonLink, Card, LinkRow } from '../../../base/page/parts.tsx'
import { stepUpText as t } from './texts.ts'

export interface ContinueProps {
  form: HeldForm
  /** The page of the form. */
  returnTo: string
}

/** /step-up/continue */
export function Continue({ form: { path, fields, isPartial }, returnTo }: ContinueProps) {
  const { locale } = useUi()
  return (
    <Card
      sign="done"
      title={t(locale, 'continue.title')}
      lead={t(locale, isPartial ? 'continue.partial' : 'continue.lead')}
    >
      <Form action={path}>
        {Object.entries(fields).map(([name, value]) => (
          <input key={name} type="hidden" name={name} value={value} />
        ))}
        <Button>{t(locale, 'continue.button')}</Button>
      </Form>
      <LinkRow>
        <a href={returnTo}>{baseText(locale, 'cancel')}</a>
      </LinkRow>
    </Card>
  )
}

/** /step-up/continue, where the form cannot be sent any more. */
export function FormLost({ returnTo }: Pick<ContinueProps, 'returnTo'>) {
  const { locale } = useUi()
  return (
    <Card sign="warning" title={t(locale, 'lost.title')} lead={t(locale, 'lost.lead')}>
      <ButtonLink href={returnTo}>{t(locale, 'lost.button')}</ButtonLink>
    </Card>
  )
}
