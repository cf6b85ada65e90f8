/** The hosted page that asks before a factor is removed, the same for each kind that has a name. */
import { z } from 'zod'
import { isStrong } from '../../../base/assurance.ts'
import type { Locale } from '../../../base/call.ts'
import { callerScope } from '../../../base/db/scope.ts'
import type { Operation } from '../../../base/http/row/operation.ts'
import { page, type Row } from '../../../base/http/row/route.ts'
import { Form } from '../../../base/page/form.tsx'
import { texts, useUi } from '../../../base/page/index.ts'
import { AccountPage, Button, ButtonLink, LinkRow, Section } from '../../../base/page/parts.tsx'
import { listFactors } from '../../../core/factors/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { getOwnFactor, type NamedKind } from './renaming.ts'

const t = texts({
  en: {
    'removal.lead':
      '“{name}” will no longer confirm that it is you. Other sessions in which it did will end.',
    'removal.last':
      'It is your last authenticator app or passkey: your backup codes and all your other sessions will end with it, and your account will have no second factor.',
    'removal.button': 'Remove',
    'removal.of': 'Remove: {name}',
    'removal.unnamed': 'This factor',
  },
  de: {
    'removal.lead':
      '„{name}“ bestätigt danach nicht mehr, dass Sie es sind. Andere Sitzungen, in denen das geschehen ist, enden.',
    'removal.last':
      'Es ist Ihre letzte Authenticator-App oder Ihr letzter Passkey: Ihre Backup-Codes und alle Ihre anderen Sitzungen enden damit, und Ihr Konto hat dann keinen zweiten Faktor.',
    'removal.button': 'Entfernen',
    'removal.of': 'Entfernen: {name}',
    'removal.unnamed': 'Dieser Faktor',
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
      const isLast = !factors.some((one) => isStrong(one.kind) && one.id !== id)
      const { title, list: label } = titles(call.locale)
      const links = { list: { href: list, label }, action: removalPath(list, id) }
      return { page: <RemoveFactor {...links} title={title} name={name} isLast={isLast} />, title }
    },
  })

const removalPath = (list: string, id: string): string => `${list}/${encodeURIComponent(id)}/remove`

/** The link to the question, in the row of a factor. */
export function RemovalLink({ list, id, name }: { list: string; id: string; name: string }) {
  const { locale } = useUi()
  return (
    <ButtonLink kind="danger" href={removalPath(list, id)} description={t(locale, 'removal.of', { name })}>
      {t(locale, 'removal.button')}
    </ButtonLink>
  )
}

export interface RemoveFactorProps {
  title: string
  list: { href: string; label: string }
  action: string
  name: string | null
  isLast: boolean
}

export function RemoveFactor({ title, list, action, name, isLast }: RemoveFactorProps) {
  const { locale } = useUi()
  return (
    <AccountPage current="security" title={title}>
      <Section>
        <p>{t(locale, 'removal.lead', { name: name ?? t(locale, 'removal.unnamed') })}</p>
        {isLast ? <p>{t(locale, 'removal.last')}</p> : null}
        <Form action={action} fields={{}}>
          <Button kind="danger">{t(locale, 'removal.button')}</Button>
        </Form>
        <LinkRow>
          <a href={list.href}>{list.label}</a>
        </LinkRow>
      </Section>
    </AccountPage>
  )
}
