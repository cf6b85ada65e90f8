/** The passkey as a method that continues an attempt: the second factor of a sign-in, a step-up, and setting one up. */
import { CeremonyFields, ceremonyData, Without } from '../../../base/page/passkey-form.tsx'
import { AssertionAnswer, RegistrationAnswer, readAnswer } from '../../../base/webauthn.ts'
import type { Tools } from '../../../core/tools.ts'
import { makeSetWhereNone, showCodes } from '../backup-codes/index.ts'
import type { ContinuingMethod } from '../second-factor/index.ts'
import { getAttempt } from '../steps/index.ts'
import { beginEnrolment, enrolPasskey } from './registration.ts'
import { proveByPasskey, secondFactorOptions } from './sign-in.ts'
import { passkeysText as t } from './texts.ts'

export const continuingPasskey = (tools: Tools): ContinuingMethod => ({
  name: 'passkey',
  prove: (call, token, { credential, ...chosen }) =>
    proveByPasskey(tools, call, token, readAnswer(AssertionAnswer, credential), chosen),
  label: (locale) => t(locale, 'use.label'),
  panel: async (call, { attempt }) => ({
    lead: t(call.locale, 'use.lead'),
    field: 'credential',
    wrong: t(call.locale, 'use.wrong'),
    fields: {},
    button: t(call.locale, 'use.button'),
    data: ceremonyData({ ceremony: 'get', options: await secondFactorOptions(tools, call, attempt) }),
    body: <CeremonyFields />,
    instead: <Without>{t(call.locale, 'use.without')}</Without>,
  }),
  enrolment: {
    kind: 'passkey',
    complete: async (call, token, { credential }) => {
      const answer = { credential: readAnswer(RegistrationAnswer, credential) }
      const { userId } = await getAttempt(tools, call, token, ['enrol'])
      const set = await makeSetWhereNone(tools, userId)
      const outcome = await enrolPasskey(tools, call, token, answer, set)
      return { outcome, once: set?.isStored ? (next) => showCodes(call, set.codes, next) : null }
    },
    label: (locale) => t(locale, 'enrol.label'),
    panel: async (call, { attempt }) => ({
      lead: t(call.locale, 'enrol.lead'),
      field: 'credential',
      wrong: t(call.locale, 'use.wrong'),
      fields: {},
      button: t(call.locale, 'add.button'),
      data: ceremonyData({ ceremony: 'create', options: await beginEnrolment(tools, call, attempt.token) }),
      body: <CeremonyFields />,
      instead: <Without>{t(call.locale, 'use.without')}</Without>,
    }),
  },
})
