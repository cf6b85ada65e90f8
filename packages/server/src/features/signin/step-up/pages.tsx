/** The hosted pages of a step-up: its proof, setting a second factor up in it, and sending the kept form. */
import { z } from 'zod'
import type { Call } from '../../../base/call.ts'
import { type PageAnswer, page, type Row } from '../../../base/http/row/route.ts'
import { safeReturnTo } from '../../../base/return-to.ts'
import { STEP_UP_PAGES } from '../../../core/step-up-pages.ts'
import type { Tools } from '../../../core/tools.ts'
import { findReturnTo } from '../attempts/index.ts'
import { attemptCookie, attemptOf, redirectStepUp } from '../responses/index.ts'
import {
  type ContinuationPage,
  type ContinuingMethod,
  continuationRows,
  ENROL,
  enrolling,
  PROVE,
} from '../second-factor/index.ts'
import { beginStepUp, findAttempt } from '../steps/index.ts'
import { hasLostForm, takeForm } from './held-forms.ts'
import { stepUpOperations } from './operations.ts'
import { stepUpText as t } from './texts.ts'
import { Continue, FormLost } from './views.tsx'

/** A step-up without a refused page: of a link such as that of the page of API keys. */
async function begin(tools: Tools, call: Call, returnTo: string | undefined): Promise<PageAnswer | null> {
  const waiting = await findAttempt(tools, call, attemptOf(call, 'step_up'))
  const wanted = safeReturnTo(tools.config, returnTo)
  if (waiting && (wanted === null || waiting.after.returnTo === wanted)) return null
  if (!waiting && wanted === null && (await hasLostForm(tools, call, attemptOf(call, 'step_up'))))
    return { redirect: STEP_UP_PAGES.after }
  const attempt = await beginStepUp(tools, call, {}, { returnTo: wanted, isReused: true })
  return { redirect: STEP_UP_PAGES.prove, cookies: [attemptCookie(attempt, call.now, 'step_up')] }
}

async function resume(tools: Tools, call: Call): Promise<PageAnswer> {
  const token = attemptOf(call, 'step_up')
  const taken = await takeForm(tools, call, token)
  if (taken?.step === 'enrol') return { redirect: STEP_UP_PAGES.enrol }
  if (taken?.step === 'prove' || taken?.step === 'second_factor') return { redirect: STEP_UP_PAGES.prove }
  const cookies = [{ name: 'step_up', value: null }]
  // the page that was refused, also after the session in which it was
  const returnTo = (taken ? taken.returnTo : await findReturnTo(tools.db.hot, token)) ?? '/account'
  if (taken?.isLost)
    return { page: <FormLost returnTo={returnTo} />, title: t(call.locale, 'lost.title'), cookies }
  if (!taken?.form) return { redirect: returnTo, cookies }
  const { form } = taken
  return {
    page: <Continue form={form} returnTo={returnTo} />,
    title: t(call.locale, 'continue.title'),
    cookies,
  }
}

export function stepUpPages(tools: Tools, methods: readonly ContinuingMethod[]): Row[] {
  const shared = {
    cookie: 'step_up',
    answer: redirectStepUp,
    gone: async () => ({ redirect: STEP_UP_PAGES.after }),
    replaced: async () => ({ redirect: STEP_UP_PAGES.prove }),
  } as const
  const prove: ContinuationPage = {
    ...shared,
    ...PROVE,
    what: 'prove',
    path: STEP_UP_PAGES.prove,
    steps: ['prove', 'second_factor'],
    name: 'pages.step_up.submit',
    form: stepUpOperations.form,
    submit: stepUpOperations.prove,
    begin: (call, returnTo) => begin(tools, call, returnTo),
  }
  const enrol: ContinuationPage = {
    ...shared,
    ...ENROL,
    what: 'enrol',
    path: STEP_UP_PAGES.enrol,
    steps: ['enrol'],
    name: 'pages.step_up.enrol.submit',
    form: stepUpOperations.enrolForm,
    submit: stepUpOperations.enrol,
  }
  return [
    ...continuationRows(tools, prove, methods),
    ...continuationRows(tools, enrol, enrolling(methods)),
    page({
      of: stepUpOperations.resume,
      method: 'GET',
      path: STEP_UP_PAGES.after,
      input: z.object({}),
      run: (call) => resume(tools, call),
    }),
  ]
}
