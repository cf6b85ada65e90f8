/** Why an answer of a provider was refused: a sentence in the language of the page, and what differs, which is written in English. */
import type { Locale } from '../../../base/call.ts'
import { useUi } from '../../../base/page/index.ts'
import { providerText as t } from './provider-texts.ts'

interface Refusal {
  fault: string
  detail: string | null
}

/** As one text, for a field of a form. */
export function faultSentence(locale: Locale, { fault, detail }: Refusal): string {
  const sentence = t.find(locale, `fault.${fault}`) ?? fault
  return detail === null ? sentence : `${sentence} ${t(locale, 'fault.detail', { detail })}`
}

/** Why it was refused, or what its user decides; nothing for what succeeded without a remark. */
export function ReasonText({
  fault,
  question = null,
  detail,
}: {
  fault: string | null
  question?: string | null
  detail: string | null
}) {
  const { locale } = useUi()
  const key = fault !== null ? `fault.${fault}` : question !== null ? `question.${question}` : null
  return (
    <>
      {key === null ? null : <p>{t.find(locale, key) ?? fault ?? question}</p>}
      {detail === null ? null : (
        <p>{t.nodes(locale, 'fault.detail', { detail: <span lang="en">{detail}</span> })}</p>
      )}
    </>
  )
}
