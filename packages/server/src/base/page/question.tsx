/** A question before an action that is hard to undo: what it means, the button that does it, and the way back. */
import type { ComponentChildren } from 'preact'
import { Form } from './form.tsx'
import { Button, type ButtonKind, Card, LinkRow } from './parts.tsx'
import type { FormState } from './problem-texts.ts'

export interface QuestionProps extends FormState {
  title: string
  lead?: ComponentChildren
  action: string
  hidden?: Readonly<Record<string, string>>
  button: string
  kind?: ButtonKind
  /** The way back without doing it. */
  back: { href: string; label: string }
  children?: ComponentChildren
}

export function QuestionCard(props: QuestionProps) {
  const { title, lead, action, hidden = {}, button, kind = 'danger', back, children, ...form } = props
  return (
    <Card sign="warning" title={title} lead={lead}>
      {children}
      <Form action={action} hidden={hidden} {...form}>
        <Button kind={kind}>{button}</Button>
      </Form>
      <LinkRow>
        <a href={back.href}>{back.label}</a>
      </LinkRow>
    </Card>
  )
}
