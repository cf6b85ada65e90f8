/** What the rows of this wing's pages share: a refused request, shown by its page again, and the two rows of a question. */
import type { z } from 'zod'
import type { Call, Locale } from '../../../base/call.ts'
import { isMissing, type MissingResource, Problem } from '../../../base/errors.ts'
import type { Operation } from '../../../base/http/row/operation.ts'
import { type PageAnswer, type PageFace, page, type Row } from '../../../base/http/row/route.ts'
import { type FormState, formState } from '../../../base/page/index.ts'
import type { Above } from './frame.ts'
import { frameText } from './texts.ts'

type Fields = Readonly<Record<string, string>>

/** A refused request as its page shows it: in the form, or above the contents where the form has no fields. */
interface Refused {
  form: FormState
  above: Above
  problem: Problem
}

/** The sentence for CONFLICT, whose meaning depends on the action. */
type Conflict = (call: Call, problem: Problem, typed: Fields) => string

function refusedForm(locale: Locale, typed: Fields, problem: Problem, conflict?: string): FormState {
  const form = formState(locale, typed, problem)
  if (form.alert === null) return form
  if (problem.code === 'CONFLICT' && conflict !== undefined) return { ...form, alert: conflict }
  if (problem.code === 'INSUFFICIENT_PERMISSIONS')
    return { ...form, alert: frameText(locale, 'refused.beyond') }
  return form
}

/** The page again with the problem's status; if the page cannot be shown any more, the problem alone. */
export const again =
  (
    show: (call: Call, typed: Fields, refused: Refused) => Promise<PageAnswer>,
    conflict?: Conflict,
  ): NonNullable<PageFace['redisplay']> =>
  async (call, typed, problem) => {
    const form = refusedForm(call.locale, typed, problem, conflict?.(call, problem, typed))
    try {
      const above = { refused: form.alert ?? null }
      return { ...(await show(call, typed, { form, above, problem })), status: problem.status }
    } catch (error) {
      throw error instanceof Problem && error.status < 500 ? problem : error
    }
  }

interface QuestionFaces<I, S> {
  /** The operation that shows the question. */
  confirm: Operation
  /** The operation that the button of the question runs, and the name of its row. */
  of: Operation
  name: string
  path: string
  input: z.ZodType<I>
  /** The path's parameters and what the form sends; absent: the path's parameters alone. */
  sent?: z.ZodType<S>
  /** @param path the parameters of the path */
  show(call: Call, path: Fields, form: FormState): Promise<PageAnswer>
  run(call: Call, input: S): Promise<PageAnswer>
  reached?: PageFace['reached']
  /** Of an action that removes a resource: its name, and the answer once it does not exist, if the form was sent twice. */
  removes?: { resource: MissingResource; removed(path: Fields): PageAnswer }
  conflict?: Conflict
}

/** A question and its answer: the page that says what an action means, and the form on it that does it. */
export const questionRows = <I extends Fields, S = I>(faces: QuestionFaces<I, S>): Row[] => {
  const { confirm, of, name, path, input, sent, show, run, removes, conflict } = faces
  const reached =
    faces.reached ??
    (removes &&
      ((_call: Call, path: Fields, problem: Problem) =>
        isMissing(problem, removes.resource) ? removes.removed(path) : null))
  return [
    page({ of: confirm, method: 'GET', path, input, run: (call, fields) => show(call, fields, {}) }),
    page({
      of,
      name,
      method: 'POST',
      path,
      input: (sent ?? input) as z.ZodType<S>,
      run,
      ...(reached && { reached }),
      redisplay: again((call, typed, { form }) => show(call, typed, { ...form, typed: {} }), conflict),
    }),
  ]
}
