/** The hosted pages of a sign-in that waits for a second factor: proving one, and setting one up. */
import { z } from 'zod'
import type { Call } from '../../../base/call.ts'
import { Problem } from '../../../base/errors.ts'
import { optional, ReturnTo } from '../../../base/fields.ts'
import type { Operation } from '../../../base/http/row/operation.ts'
import { type PageAnswer, page, type Row } from '../../../base/http/row/route.ts'
import { type FormState, formState } from '../../../base/page/index.ts'
import { safeReturnTo } from '../../../base/return-to.ts'
import { inForm } from '../../../base/webauthn.ts'
import type { Tools } from '../../../core/tools.ts'
import {
  attemptEndedPath,
  attemptId,
  attemptOf,
  isAttemptGone,
  redirectOutcome,
  startOver,
} from '../responses/index.ts'
import { findOffer, getAttempt } from '../steps/index.ts'
import type { Continuation, ContinuingMethod, Enrolled, Panel, ShownAttempt } from './method.ts'
import { secondFactorOperations } from './operations.ts'
import { methodNamed, SealedText, TypedCode, TypedSecret } from './routes.ts'
import { secondFactorText as t } from './texts.ts'
import { Challenge } from './views.tsx'

/** What a page does with an attempt at its step. */
interface Kind {
  what: 'prove' | 'enrol'
  path: '/second-factor' | '/second-factor/enrol'
  step: 'second_factor' | 'enrol'
  name: string
  form: Operation
  submit: Operation
  panel(method: ContinuingMethod, call: Call, shown: ShownAttempt): Promise<Panel>
  take(method: ContinuingMethod, call: Call, token: string, sent: Continuation): Promise<Enrolled>
}

interface ShowOptions {
  /** The method that was chosen. */
  method?: string | undefined
  form?: FormState
  /** Why a form is displayed again, and what was typed into it. */
  failed?: Problem
  typed?: Readonly<Record<string, string>>
}

/** @throws Problem NOT_FOUND, CONFLICT, ACCOUNT_DISABLED, ACCOUNT_LOCKED */
async function show(
  tools: Tools,
  kind: Kind,
  offered: readonly ContinuingMethod[],
  call: Call,
  { method, form, failed, typed }: ShowOptions,
): Promise<PageAnswer> {
  const attempt = await getAttempt(tools, call, attemptOf(call), [kind.step], { toShow: true })
  const { user, methods, enrollable } = await findOffer(tools, call, attempt)
  if (!user) throw new Error('an attempt at this step has a user')
  const shown = { attempt, user, ...(typed && { typed }) }
  const names: readonly string[] = kind.what === 'prove' ? methods : enrollable
  const usable = names.flatMap((name) => offered.find((one) => one.name === name) ?? [])
  const panels = await Promise.all(
    usable.map(async (one) => ({ name: one.name, panel: await kind.panel(one, call, shown) })),
  )
  const chosen = panels.find(({ name }) => name === method) ?? panels[0] ?? null
  const others = panels
    .filter((one) => one !== chosen)
    .map(({ name, panel }) => ({ name, label: panel.label }))
  const isWrong = failed?.code === 'AUTHENTICATION_FAILED' && chosen !== null
  const state = isWrong ? { errors: { [chosen.panel.field]: chosen.panel.wrong } } : form
  return {
    page: (
      <Challenge
        what={kind.what}
        action={kind.path}
        attempt={attempt.id}
        chosen={chosen}
        others={others}
        returnTo={attempt.after.returnTo}
        {...state}
      />
    ),
    title: t(call.locale, `${kind.what}.title`),
    ...(failed && { status: failed.status }),
  }
}

const rowsOf = (tools: Tools, kind: Kind, offered: readonly ContinuingMethod[]): Row[] => [
  page({
    of: kind.form,
    method: 'GET',
    path: kind.path,
    input: z.object({ method: z.string().max(40).optional() }),
    run: (call, { method }) => show(tools, kind, offered, call, { method }),
    redisplay: async (call, _typed, problem) => {
      if (isAttemptGone(problem)) return startOver(tools, call)
      throw problem
    },
  }),
  page({
    of: kind.submit,
    name: kind.name,
    method: 'POST',
    path: kind.path,
    input: z.object({
      attempt: z.string().max(200),
      method: z.string().max(40),
      code: TypedCode.optional(),
      password: TypedSecret.optional(),
      credential: optional(inForm(z.unknown())),
      setup: SealedText.optional(),
      return_to: ReturnTo,
    }),
    run: async (call, { attempt, method, return_to: _, ...sent }) =>
      attempt === attemptId(call)
        ? answerEnrolled(call, await kind.take(methodNamed(offered, method), call, attemptOf(call), sent))
        : // the cookie is that of another sign-in, which continues in its own tab
          { redirect: await attemptEndedPath(tools, call) },
    reached: ({ principal }, sent, { code }) =>
      code === 'CSRF_FAILED' && principal
        ? { redirect: safeReturnTo(tools.config, sent.return_to) ?? '/account' }
        : null,
    redisplay: async (call, typed, problem) => {
      if (isAttemptGone(problem)) return startOver(tools, call)
      const form = formState(call.locale, typed, problem)
      const isTyping = /^(VALIDATION_ERROR|AUTHENTICATION_FAILED)$/.test(problem.code)
      if (!isTyping) throw problem
      if (typed.attempt !== attemptId(call)) return { redirect: await attemptEndedPath(tools, call) }
      return await show(tools, kind, offered, call, {
        method: typed.method,
        form,
        failed: problem,
        typed,
      }).catch((failure: unknown) => {
        if (failure instanceof Problem && isAttemptGone(failure)) return startOver(tools, call)
        throw problem
      })
    },
  }),
]

function answerEnrolled(call: Call, { outcome, once }: Enrolled): PageAnswer {
  const answer = redirectOutcome(call, outcome)
  return once && 'redirect' in answer ? { ...once(answer.redirect), cookies: answer.cookies ?? [] } : answer
}

export function secondFactorPages(tools: Tools, methods: readonly ContinuingMethod[]): Row[] {
  const prove: Kind = {
    what: 'prove',
    path: '/second-factor',
    step: 'second_factor',
    name: 'pages.second_factor.submit',
    form: secondFactorOperations.form,
    submit: secondFactorOperations.verify,
    panel: (method, call, shown) => method.panel(call, shown),
    take: async (method, call, token, sent) => ({
      outcome: await method.prove(call, token, sent),
      once: null,
    }),
  }
  const enrol: Kind = {
    what: 'enrol',
    path: '/second-factor/enrol',
    step: 'enrol',
    name: 'pages.second_factor.enrol.submit',
    form: secondFactorOperations.enrolForm,
    submit: secondFactorOperations.enrol,
    panel: (method, call, shown) => enrolmentOf(method).panel(call, shown),
    take: (method, call, token, sent) => enrolmentOf(method).complete(call, token, sent),
  }
  const enrolling = methods.filter((method) => method.enrolment !== undefined)
  return [...rowsOf(tools, prove, methods), ...rowsOf(tools, enrol, enrolling)]
}

function enrolmentOf({ name, enrolment }: ContinuingMethod): NonNullable<ContinuingMethod['enrolment']> {
  if (!enrolment) throw new Error(`${name} cannot be set up in a sign-in`)
  return enrolment
}
