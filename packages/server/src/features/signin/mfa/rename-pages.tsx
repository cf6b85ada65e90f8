/** The hosted page that renames a factor, the same for each kind that has a name. */
import { z } from 'zod'
import type { Call, Locale } from '../../../base/call.ts'
import type { Operation } from '../../../base/http/row/operation.ts'
import { type PageAnswer, page, type Row } from '../../../base/http/row/route.ts'
import { Field, Form } from '../../../base/page/form.tsx'
import { type FormState, formState, texts, useUi } from '../../../base/page/index.ts'
import { Button, ButtonLink } from '../../../base/page/parts.tsx'
import type { Tools } from '../../../core/tools.ts'
import { FactorPage, type FactorPageProps, factorPath } from './factor-page.tsx'
import { getOwnFactor, LONGEST_FACTOR_NAME, type NamedKind, renameOwnFactor } from './renaming.ts'

const t = texts({
  en: {
    'rename.field': 'Name',
    'rename.button': 'Save name',
    'rename.link': 'Rename',
    'rename.of': 'Rename: {name}',
  },
  de: {
    'rename.field': 'Name',
    'rename.button': 'Namen speichern',
    'rename.link': 'Umbenennen',
    'rename.of': 'Umbenennen: {name}',
  },
})

/** What differs by kind. */
export interface RenamePage {
  kind: NamedKind
  /** The page that lists the factors, under which the form is. */
  list: string
  form: Operation
  submit: Operation
  /** The name of the row that takes the form. */
  name: string
  schema: z.ZodType<string>
  titles(locale: Locale): { title: string; list: string }
}

export function renamePages(tools: Tools, kind: RenamePage): Row[] {
  const path = `${kind.list}/:id/rename`
  const Id = z.string().max(64)
  async function show(call: Call, id: string, form: FormState): Promise<PageAnswer> {
    const { name } = await getOwnFactor(tools, call, { kind: kind.kind, id })
    const { title, list } = kind.titles(call.locale)
    const links = { list: { href: kind.list, label: list }, action: factorPath(kind.list, id, 'rename') }
    return { page: <RenameFactor {...links} title={title} name={name} {...form} />, title }
  }
  return [
    page({
      of: kind.form,
      method: 'GET',
      path,
      input: z.object({ id: Id }),
      run: (call, { id }) => show(call, id, {}),
    }),
    page({
      of: kind.submit,
      name: kind.name,
      method: 'POST',
      path,
      input: z.object({ id: Id, name: kind.schema }),
      run: async (call, { id, name }) => {
        await renameOwnFactor(tools, call, { kind: kind.kind, id }, name)
        return { redirect: `${kind.list}?done=renamed` }
      },
      redisplay: async (call, typed, problem) => {
        if (problem.code !== 'VALIDATION_ERROR') throw problem
        const form = formState(call.locale, typed, problem)
        return { ...(await show(call, typed.id ?? '', form)), status: problem.status }
      },
    }),
  ]
}

/** The link to the form, in the row of a factor. */
export function RenameLink({ list, id, name }: { list: string; id: string; name: string }) {
  const { locale } = useUi()
  return (
    <ButtonLink
      kind="secondary"
      href={factorPath(list, id, 'rename')}
      description={t(locale, 'rename.of', { name })}
    >
      {t(locale, 'rename.link')}
    </ButtonLink>
  )
}

/** The page of the form. */
export interface RenameFactorProps extends FormState, FactorPageProps {
  action: string
  name: string | null
}

export function RenameFactor({ title, list, action, name, ...form }: RenameFactorProps) {
  const { locale } = useUi()
  return (
    <FactorPage title={title} list={list}>
      <Form action={action} fields={{ name: t(locale, 'rename.field') }} {...form}>
        <Field name="name" autocomplete="off" maxlength={LONGEST_FACTOR_NAME} value={name} autofocus />
        <Button>{t(locale, 'rename.button')}</Button>
      </Form>
    </FactorPage>
  )
}
