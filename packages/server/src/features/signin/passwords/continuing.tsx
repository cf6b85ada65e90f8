/** The password as a method that continues an attempt: a step-up, or a sign-in that began with something else. */
import { ForManagers, PasswordField } from '../../../base/page/form.tsx'
import { proveAttempt } from '../door/index.ts'
import type { ContinuingMethod } from '../second-factor/index.ts'
import { passwordMethod, type SignInTools } from './method.ts'
import { passwordsText as t } from './texts.ts'

export const continuingPassword = (tools: SignInTools): ContinuingMethod => ({
  name: 'password',
  prove: (call, token, { password = '' }) =>
    proveAttempt(tools, call, token, passwordMethod(tools), { identifier: '', password }),
  panel: async ({ locale }, { user }) => ({
    label: t(locale, 'continue.label'),
    lead: t(locale, 'continue.lead'),
    field: 'password',
    fields: { password: t(locale, 'continue.password') },
    body: (
      <>
        <ForManagers account={user.email} />
        <PasswordField name="password" autocomplete="current-password" autofocus />
      </>
    ),
    wrong: t(locale, 'continue.wrong'),
  }),
})
