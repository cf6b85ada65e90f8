/** Authenticator apps as a method that continues an attempt, and that is set up inside a sign-in which requires it. */
import type { Tools } from '../../../core/tools.ts'
import { makeSetWhereNone, showCodes } from '../backup-codes/index.ts'
import { proveAttempt } from '../door/index.ts'
import type { ContinuingMethod } from '../second-factor/index.ts'
import { getAttempt } from '../steps/index.ts'
import { findSetupForm, newSetupForm } from './authenticators.ts'
import { totpMethod } from './method.ts'
import { confirmInAttempt } from './setup.ts'
import { totpText as t } from './texts.ts'
import { CodeField, SetupFields } from './views.tsx'

export const continuingTotp = (tools: Tools): ContinuingMethod => ({
  name: 'totp',
  prove: (call, token, { code = '', ...chosen }) =>
    proveAttempt(tools, call, token, totpMethod(tools), { code }, chosen),
  label: (locale) => t(locale, 'panel.label'),
  panel: async ({ locale }) => ({
    lead: t(locale, 'panel.lead', { brand: tools.config.brandName }),
    field: 'code',
    wrong: t(locale, 'panel.wrong'),
    fields: { code: t(locale, 'field.code') },
    body: <CodeField />,
  }),
  enrolment: {
    kind: 'totp',
    async complete(call, token, { code = '', setup = '' }) {
      const { userId } = await getAttempt(tools, call, token, ['enrol'])
      const set = await makeSetWhereNone(tools, userId)
      const outcome = await confirmInAttempt(tools, call, token, { code, setup }, set)
      return { outcome, once: set?.isStored ? (next) => showCodes(call, set.codes, next) : null }
    },
    label: (locale) => t(locale, 'enrol.label'),
    panel: async (call, { user, typed }) => ({
      lead: t(call.locale, 'setup.lead'),
      field: 'code',
      wrong: t(call.locale, 'panel.wrong'),
      fields: { code: t(call.locale, 'field.code') },
      body: (
        <SetupFields
          {...(findSetupForm(tools, call, user, typed?.setup ?? '') ?? newSetupForm(tools, call, user, null))}
        />
      ),
    }),
  },
})
