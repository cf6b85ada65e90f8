/** The hosted pages of a sign-in that waits for a second factor: proving one, and setting one up. */
import { z } from 'zod'
import type { Call, Locale } from '../../../base/call.ts'
import { Problem } from '../../../base/errors.ts'
import { Flag, optional, ReturnTo, SealedText, TypedCode, TypedPassword } from '../../../base/fields.ts'
import type { Operation } from '../../../base/http/row/operation.ts'
import { type PageAnswer, page, type Row } from '../../../base/http/row/route.ts'
import { type FormState, formState } from '../../../base/page/index.ts'
import { safeReturnTo } from '../../../base/return-to.ts'
import { inForm } from '../../../base/webauthn.ts'
import type { Tools } from '../../../core/tools.ts'
import { findOrganizationName } from '../../organizations/policy/index.ts'
import type { Outcome } from '../door/index.ts'
import {
  attemptEndedPath,
  attemptId,
  attemptOf,
  isAttemptGone,
  redirectOutcome,
  startOver,
} from '../responses/index.ts'
import { findOffer, getAttempt, type WaitingStep } from '../steps/index.ts'
import type { Continuation, ContinuingMethod, Enrolled, Panel, ShownAttempt } from './method.ts'
import { secondFactorOperations } from './operations.ts'
import { methodNamed } from './routes.ts'
import { secondFactorText as t } from './texts.ts'
import { Challenge } from './views.tsx'

/** What a page does with an attempt at its step, in a sign-in or in a step-up. */
export interface ContinuationPage {
  what: 'prove' | 'enrol'
  path: string
  steps: readonly WaitingStep[]
  /** The cookie that has the attempt's token. */
  cookie: 'attempt' | 'step_up'
  name: string
  form: Operation
  submit: Operation
  /** An answer instead of the form, where the browser has no attempt that waits here. */
  begin?(call: Call, returnTo: string | undefined): Promise<PageAnswer | null>
  /** Where the browser goes after the step. @throws Problem the refusal */
  answer(call: Call, outcome: Outcome): PageAnswer
  /** The answer where the attempt has ended. */
  gone(call: Call): Promise<PageAnswer>
  /** The answer to a form of another attempt than the one in the cookie, which continues in its own tab. */
  replaced(call: Call): Promise<PageAnswer>
  label(method: ContinuingMethod, locale: Locale): string
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
  kind: ContinuationPage,
  offered: readonly ContinuingMethod[],
  call: Call,
  { method, form, failed, typed }: ShowOptions,
): Promise<PageAnswer> {
  const attempt = await getAttempt(tools, call, attemptOf(call, kind.cookie), kind.steps, { toShow: true })
  const { user, methods, enrollable, demand, blocked, mayRemember } = await findOffer(tools, call, attempt)
  if (!user) throw new Error('an attempt at this step has a user')
  const shown = { attempt, user, ...(typed && { typed }) }
  const names: readonly string[] = kind.what === 'prove' ? methods : enrollable
  const usable = names.flatMap((name) => offered.find((one) => one.name === name) ?? [])
  const one = usable.find(({ name }) => name === method) ?? usable[0]
  // a panel may write something: that of another method is made once it is chosen
  const chosen = one ? { name: one.name, panel: await kind.panel(one, call, shown) } : null
  const others = usable
    .filter((other) => other !== one)
    .map((other) => ({ name: other.name, label: kind.label(other, call.locale) }))
  const organizationId = (demand ?? attempt.stepUp?.demand.demand)?.organizationId ?? null
  const isWrong = failed?.code === 'AUTHENTICATION_FAILED' && chosen !== null
  // the code is not typed again, the box keeps its tick
  const kept = { remember_device: typed?.remember_device ?? '' }
  const state = isWrong ? { errors: { [chosen.panel.field]: chosen.panel.wrong }, typed: kept } : form
  return {
    page: (
      <Challenge
        what={kind.what}
        isStepUp={attempt.stepUp !== null}
        action={kind.path}
        attempt={attempt.id}
        chosen={chosen}
        others={others}
        organization={await findOrganizationName(tools.db.hot, organizationId)}
        blocked={blocked?.reason ?? null}
        rememberFor={mayRemember && kind.what === 'prove' ? tools.config.rememberedDevice : null}
        returnTo={attempt.after.returnTo}
        {...state}
      />
    ),
    title: t(call.locale, `${kind.what}.title`),
    returnTo: attempt.after.returnTo,
    ...(failed && { status: failed.status }),
  }
}

/** The page of an attempt at a step, and its form. @param offered the methods that can take the step */
export const continuationRows = (
  tools: Tools,
  kind: ContinuationPage,
  offered: readonly ContinuingMethod[],
): Row[] => [
  page({
    of: kind.form,
    method: 'GET',
    path: kind.path,
    input: z.object({ method: z.string().max(40).optional(), return_to: ReturnTo }),
    run: async (call, { method, return_to: returnTo }) =>
      (await kind.begin?.(call, returnTo)) ?? show(tools, kind, offered, call, { method }),
    redisplay: async (call, _typed, problem) => {
      if (isAttemptGone(problem)) return kind.gone(call)
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
      password: TypedPassword.optional(),
      credential: optional(inForm(z.unknown())),
      setup: SealedText.optional(),
      remember_device: Flag,
      return_to: ReturnTo,
    }),
    run: async (call, { attempt, method, return_to: _, ...sent }) =>
      attempt === attemptId(call, kind.cookie)
        ? answerEnrolled(
            call,
            kind,
            await kind.take(methodNamed(offered, method), call, attemptOf(call, kind.cookie), sent),
          )
        : kind.replaced(call),
    // the token of a visitor's form is not that of the session which the first request has started
    reached: ({ principal }, sent, { code }) =>
      kind.cookie === 'attempt' && code === 'CSRF_FAILED' && principal
        ? { redirect: safeReturnTo(tools.config, sent.return_to) ?? '/account' }
        : null,
    redisplay: async (call, typed, problem) => {
      if (isAttemptGone(problem)) return kind.gone(call)
      const form = formState(call.locale, typed, problem)
      const isTyping = /^(VALIDATION_ERROR|AUTHENTICATION_FAILED)$/.test(problem.code)
      if (!isTyping) throw problem
      if (typed.attempt !== attemptId(call, kind.cookie)) return kind.replaced(call)
      return await show(tools, kind, offered, call, {
        method: typed.method,
        form,
        failed: problem,
        typed,
      }).catch((failure: unknown) => {
        if (failure instanceof Problem && isAttemptGone(failure)) return kind.gone(call)
        throw problem
      })
    },
  }),
]

function answerEnrolled(call: Call, kind: ContinuationPage, { outcome, once }: Enrolled): PageAnswer {
  const answer = kind.answer(call, outcome)
  return once && 'redirect' in answer ? { ...once(answer.redirect), cookies: answer.cookies ?? [] } : answer
}

type Taking = Pick<ContinuationPage, 'label' | 'panel' | 'take'>
/** Proving by a method. */
export const PROVE: Taking = {
  label: (method, locale) => method.label(locale),
  panel: (method, call, shown) => method.panel(call, shown),
  take: async (method, call, token, sent) => ({ outcome: await method.prove(call, token, sent), once: null }),
}
/** Setting a factor up. */
export const ENROL: Taking = {
  label: (method, locale) => enrolmentOf(method).label(locale),
  panel: (method, call, shown) => enrolmentOf(method).panel(call, shown),
  take: (method, call, token, sent) => enrolmentOf(method).complete(call, token, sent),
}

/** The methods that can be set up in an attempt. */
export const enrolling = (methods: readonly ContinuingMethod[]): ContinuingMethod[] =>
  methods.filter((method) => method.enrolment !== undefined)

export function secondFactorPages(tools: Tools, methods: readonly ContinuingMethod[]): Row[] {
  const ofSignIn = {
    cookie: 'attempt',
    answer: redirectOutcome,
    gone: (call: Call) => startOver(tools, call),
    replaced: async (call: Call) => ({ redirect: await attemptEndedPath(tools, call) }),
  } as const
  const prove: ContinuationPage = {
    ...ofSignIn,
    what: 'prove',
    path: '/second-factor',
    steps: ['second_factor'],
    name: 'pages.second_factor.submit',
    form: secondFactorOperations.form,
    submit: secondFactorOperations.verify,
    ...PROVE,
  }
  const enrol: ContinuationPage = {
    ...ofSignIn,
    what: 'enrol',
    path: '/second-factor/enrol',
    steps: ['enrol'],
    name: 'pages.second_factor.enrol.submit',
    form: secondFactorOperations.enrolForm,
    submit: secondFactorOperations.enrol,
    ...ENROL,
  }
  return [...continuationRows(tools, prove, methods), ...continuationRows(tools, enrol, enrolling(methods))]
}

function enrolmentOf({ name, enrolment }: ContinuingMethod): NonNullable<ContinuingMethod['enrolment']> {
  if (!enrolment) throw new Error(`${name} cannot be set up in a sign-in`)
  return enrolment
}
