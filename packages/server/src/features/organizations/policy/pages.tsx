/**
 * The hosted page of an organization's security: the policy, who complies, and the form in two steps, of which the
 * first tells the effect of the change. Works without a script.
 */
import { can } from '@latchkey/guard'
import { z } from 'zod'
import { ACCEPTABLE_METHODS } from '../../../base/assurance.ts'
import type { Call } from '../../../base/call.ts'
import { PageInput } from '../../../base/cursor.ts'
import { Flag, optional } from '../../../base/fields.ts'
import { type PageAnswer, page, type Row } from '../../../base/http/row/route.ts'
import type { FormState } from '../../../base/page/index.ts'
import { PASSWORD_PROFILES } from '../../../config/password-profiles.ts'
import type { Tools } from '../../../core/tools.ts'
import { again, frameOf, PageNotice, pagerOf, placeOf, titleOf } from '../frame/index.ts'
import { OneOrganization } from '../membership/index.ts'
import { changePolicy, getPolicy, type PolicyChange, previewPolicy } from './changes.ts'
import { countCompliance, listCompliance } from './compliance.ts'
import { policyOperations as of } from './operations.ts'
import { policyText as t } from './texts.ts'
import { changeOf, PolicyChangeFields, StateField } from './view.ts'
import { Review, SecurityPolicy } from './views.tsx'

const PAGE = '/account/organizations/:id/security'
const PAGE_SIZE = 25

const boxes = Object.fromEntries(
  ACCEPTABLE_METHODS.map((one) => [`allow_${one}`, Flag.optional()]),
) as Record<`allow_${(typeof ACCEPTABLE_METHODS)[number]}`, z.ZodOptional<typeof Flag>>

const Days = z
  .string()
  .max(60)
  .regex(/^\s*(?:\d{1,3}\s*(?:,\s*\d{1,3}\s*){0,9})?$/)
  .transform((text) => (text.trim() === '' ? [] : text.split(',').map(Number)))
  .pipe(z.array(z.number().int().min(1).max(365)))

const PolicyForm = OneOrganization.extend({
  mode: PolicyChangeFields.shape.mode.unwrap(),
  grace_days: z
    .string()
    .max(3)
    .regex(/^\d{1,3}$/)
    .transform(Number)
    .pipe(z.number().max(365)),
  notify_days_before: Days.default([]),
  session_absolute: optional(PolicyChangeFields.shape.session_absolute.unwrap()),
  sign_in: PolicyChangeFields.shape.sign_in,
  // not `password_profile`: fields with the word are taken for passwords, and never repeated
  profile: z.enum(['server', ...PASSWORD_PROFILES]),
  version: z
    .string()
    .max(9)
    .regex(/^\d{1,9}$/)
    .transform(Number),
  ...boxes,
})
type PolicyForm = z.infer<typeof PolicyForm>

function changeIn(input: PolicyForm): PolicyChange {
  const { mode, grace_days, notify_days_before, session_absolute = null, profile, sign_in } = input
  return changeOf({
    mode,
    sign_in,
    grace_days,
    notify_days_before,
    session_absolute,
    password_profile: profile === 'server' ? null : profile,
    allowed_methods: ACCEPTABLE_METHODS.filter((one) => input[`allow_${one}`]),
  })
}

/** The fields again, for the second step: of the form alone, and as they were understood. */
function fieldsOf(input: PolicyForm): Record<string, string> {
  const { id: _, notify_days_before: days, ...fields } = input
  const texts = Object.entries({ ...fields, notify_days_before: days.join(', ') })
  return Object.fromEntries(
    texts.flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])),
  )
}

async function showSecurity(
  tools: Tools,
  call: Call,
  query: {
    cursor?: string | undefined
    state?: z.infer<typeof StateField> | undefined
    done?: string | undefined
  },
  form: FormState = {},
): Promise<PageAnswer> {
  const { shell } = await frameOf(tools, call, query)
  const { cursor, state } = query
  const policy = await getPolicy(tools, call)
  const counts = await countCompliance(tools, call)
  const { page: members, nextCursor } = await listCompliance(tools, call, { limit: PAGE_SIZE, cursor, state })
  const place = placeOf(shell.id, state === undefined ? '/security' : `/security?state=${state}`)
  return {
    page: (
      <SecurityPolicy
        shell={shell}
        policy={policy}
        mayChange={can(shell, 'security:write')}
        members={members}
        counts={counts}
        state={state ?? null}
        {...pagerOf(place, { cursor }, nextCursor)}
        {...form}
      />
    ),
    title: titleOf(t(call.locale, 'title'), shell),
  }
}

/** The messages of the form’s own fields, which the JSON fields do not have in this form. */
function ownForm(call: Call, form: FormState): FormState {
  const { errors: found = {}, typed = {} } = form
  const own: Record<string, string> = {
    grace_days: t(call.locale, 'grace.invalid'),
    notify_days_before: t(call.locale, 'notify.invalid'),
    session_absolute: t(call.locale, 'session.invalid'),
    sign_in: t(call.locale, 'sign_in.unavailable'),
  }
  const errors = Object.fromEntries(
    Object.entries(found).map(([name, text]) => {
      if (name !== 'allowed_methods') return [name, own[name] ?? text]
      const needed =
        typed.mode === 'require_totp' ? 'totp' : typed.mode === 'require_passkey' ? 'passkey' : null
      const box = needed ?? 'totp'
      return [`allow_${box}`, t(call.locale, needed === null ? 'refused.methods' : `refused.${needed}`)]
    }),
  )
  return { ...form, errors }
}

const formAgain = (tools: Tools) =>
  again(
    (call, _typed, { form }) => showSecurity(tools, call, {}, ownForm(call, form)),
    ({ locale }) => t(locale, 'refused.stale'),
  )

export const policyPages = (tools: Tools): Row[] => [
  page({
    of: of.show,
    name: 'pages.organizations.security',
    method: 'GET',
    path: PAGE,
    input: OneOrganization.extend({
      cursor: PageInput.shape.cursor,
      state: optional(StateField),
      done: PageNotice,
    }),
    run: (call, query) => showSecurity(tools, call, query),
  }),
  page({
    of: of.preview,
    name: 'pages.organizations.security.review',
    method: 'POST',
    path: `${PAGE}/review`,
    formAt: PAGE,
    input: PolicyForm,
    run: async (call, input) => {
      const { shell } = await frameOf(tools, call)
      const effect = await previewPolicy(tools, call, changeIn(input))
      return {
        page: <Review shell={shell} sent={fieldsOf(input)} effect={effect} now={call.now} />,
        title: titleOf(t(call.locale, 'review.title'), shell),
      }
    },
    redisplay: formAgain(tools),
  }),
  page({
    of: of.change,
    name: 'pages.organizations.security.submit',
    method: 'POST',
    path: PAGE,
    input: PolicyForm,
    run: async (call, input) => {
      await changePolicy(tools, call, changeIn(input), input.version)
      return { redirect: `${placeOf(input.id, '/security')}?done=policy` }
    },
    // the form was sent twice: what it asks for is in force
    reached: async (call, sent, { code }) => {
      const form = PolicyForm.safeParse(sent)
      if (code !== 'CONFLICT' || !form.success || call.organization === null) return null
      return (await isInForce(tools, call, changeIn(form.data)))
        ? { redirect: `${placeOf(form.data.id, '/security')}?done=policy` }
        : null
    },
    redisplay: formAgain(tools),
  }),
]

async function isInForce(tools: Tools, call: Call, change: PolicyChange): Promise<boolean> {
  const policy = await getPolicy(tools, call)
  return (Object.keys(change) as (keyof PolicyChange)[]).every(
    (key) => change[key] === undefined || JSON.stringify(change[key]) === JSON.stringify(policy[key]),
  )
}
