/** The hosted page that asks before a factor is removed, the same for each kind that has a name. */
import { z } from 'zod'
import { isStrong } from '../../../base/assurance.ts'
import type { Locale } from '../../../base/call.ts'
import { callerScope } from '../../../base/db/scope.ts'
import type { Operation } from '../../../base/http/row/operation.ts'
import { page, type Row } from '../../../base/http/row/route.ts'
import { Form } from '../../../base/page/form.tsx'
import { texts, useUi } from '../../../base/page/index.ts'
import { Button, ButtonLink } from '../../../base/page/parts.tsx'
import { listFactors } from '../../../core/factors/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { FactorPage, type FactorPageProps, factorPath } from './factor-page.tsx'
import { getOwnFactor, type NamedKind } from './renaming.ts'

const t = texts({
  en: {
    'removal.lead':
      '“{name}” will no longer confirm that it is you. Other sessions in which it did will end.',
    'removal.last':
      'It is your last authenticator app or passkey: your backup codes and all your other sessions will end with it, and your account will have no second factor.',
    'removal.mail_left':
      'It is your last authenticator app or passkey: your backup codes will end with it. Codes by e-mail stay your second factor.',
    'removal.button': 'Remove',
    'removal.of': 'Remove: {name}',
    'removal.unnamed': 'Authenticator app',
  },
  de: {
    'removal.lead':
      '„{name}“ bestätigt danach nicht mehr, dass Sie es sind. Andere Sitzungen, in denen das geschehen ist, enden.',
    'removal.last':
      'Es ist Ihre letzte Authenticator-App oder Ihr letzter Passkey: Ihre Backup-Codes und alle Ihre anderen Sitzungen enden damit, und Ihr Konto hat dann keinen zweiten Faktor.',
    'removal.mail_left':
      'Es ist Ihre letzte Authenticator-App oder Ihr letzter Passkey: Ihre Backup-Codes enden damit. Codes per E-Mail bleiben Ihr zweiter Faktor.',
    'removal.button': 'Entfernen',
    'removal.of': 'Entfernen: {name}',
    'removal.unnamed': 'Authenticator-App',
  },
})

/** What differs by kind. */
export interface RemovalPage {
  kind: NamedKind
  /** The page that lists the factors, under which the form is. */
  list: string
  form: Operation
  titles(locale: Locale): { title: string; list: string }
}

/** The page of the question; its form is sent to the same path. */
export const removalPage = (tools: Tools, { kind, list, form, titles }: RemovalPage): Row =>
  page({
    of: form,
    method: 'GET',
    path: `${list}/:id/remove`,
    input: z.object({ id: z.string().max(64) }),
    async run(call, { id }) {
      const { name } = await getOwnFactor(tools, call, { kind, id })
      const { userId } = callerScope(call)
      const factors = await tools.db.tx('system', (tx) => listFactors(tx, userId))
      const left = factors.filter((one) => one.id !== id).map((one) => one.kind)
      const consequence = left.some(isStrong) ? null : left.includes('email') ? 'mail_left' : 'last'
      const { title, list: label } = titles(call.locale)
      const links = { list: { href: list, label }, action: factorPath(list, id, 'remove') }
      return { page: <RemoveFactor {...links} title={title} name={name} consequence={consequence} />, title }
    },
  })

/** The link to the question, in the row of a factor. */
export function RemovalLink({ list, id, name }: { list: string; id: string; name: string }) {
  const { locale } = useUi()
  return (
    <ButtonLink
      kind="danger"
      href={factorPath(list, id, 'remove')}
      description={t(locale, 'removal.of', { name })}
    >
      {t(locale, 'removal.button')}
    </ButtonLink>
  )
}

export interface RemoveFactorProps extends FactorPageProps {
  action: string
  name: string | null
  /** What ends with it besides; null while another app or passkey is left. */
  consequence: 'last' | 'mail_left' | null
}

export function RemoveFactor({ title, list, action, name, consequence }: RemoveFactorProps) {
  const { locale } = useUi()
  return (
    <FactorPage title={title} list={list}>
      <p>{t(locale, 'removal.lead', { name: name ?? t(locale, 'removal.unnamed') })}</p>
      {consequence ? <p class="block">{t(locale, `removal.${consequence}`)}</p> : null}
      <Form action={action} fields={{}}>
        <Button kind="danger">{t(locale, 'removal.button')}</Button>
      </Form>
    </FactorPage>
  )
}
