/** The hosted pages of sign-up and of the first administrator's set-up. */
import { z } from 'zod'
import type { Call } from '../../../base/call.ts'
import type { Problem } from '../../../base/errors.ts'
import { optional, Prefilled, ReturnTo, TypedPassword } from '../../../base/fields.ts'
import { type PageAnswer, page, type Row } from '../../../base/http/row/route.ts'
import { EmailAddress, FullName } from '../../../base/identifiers.ts'
import { type FormState, formState } from '../../../base/page/index.ts'
import { safeReturnTo } from '../../../base/return-to.ts'
import { listActiveConnections } from '../../../core/connections/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { pagePolicy } from '../../signin/passwords/index.ts'
import { redirectOutcome } from '../../signin/responses/index.ts'
import { assertSetupLink, setUpAdministrator } from './administrator.ts'
import { registrationOperations } from './operations.ts'
import { judgeRegistration, register } from './register.ts'
import { registrationText } from './texts.ts'
import { Setup, SetupLinkInvalid, SignUp } from './views.tsx'

const AccountForm = z.object({
  email: EmailAddress,
  password: TypedPassword,
  password_confirm: TypedPassword,
  full_name: optional(FullName),
})
const SetupToken = z.string().min(1).max(200)

export const registrationPages = (tools: Tools): Row[] => {
  const policy = pagePolicy(tools.config)

  const showSignUp = async (
    call: Call,
    form: FormState,
    returnTo: string | undefined,
  ): Promise<PageAnswer> => ({
    page: (
      <SignUp
        policy={policy}
        returnTo={safeReturnTo(tools.config, returnTo)}
        connections={await listActiveConnections(tools.db.hot, null)}
        {...form}
      />
    ),
    title: registrationText(call.locale, 'sign_up.title'),
  })
  const showSetup = (call: Call, token: string, form: FormState): PageAnswer => ({
    page: <Setup token={token} policy={policy} {...form} />,
    title: registrationText(call.locale, 'setup.title', { brand: tools.config.brandName }),
  })
  const setupInvalid = (call: Call, { status, details }: Problem): PageAnswer => ({
    page: <SetupLinkInvalid exists={!Array.isArray(details) && details?.reason === 'administrator_exists'} />,
    title: registrationText(call.locale, 'setup_invalid.title'),
    status,
  })

  return [
    page({
      of: registrationOperations.signUpForm,
      method: 'GET',
      path: '/sign-up',
      input: z.object({ return_to: ReturnTo, email: Prefilled }),
      run: async (call, { return_to, email }) =>
        call.principal
          ? { redirect: safeReturnTo(tools.config, return_to) ?? '/account' }
          : showSignUp(call, email ? { typed: { email } } : {}, return_to),
    }),
    page({
      of: registrationOperations.register,
      name: 'pages.sign_up.submit',
      method: 'POST',
      path: '/sign-up',
      input: AccountForm.extend({ return_to: ReturnTo }),
      judge: judgeRegistration(tools),
      run: async (call, input) => {
        const returnTo = safeReturnTo(tools.config, input.return_to)
        const { outcome } = await register(tools, call, input, returnTo)
        return redirectOutcome(call, outcome)
      },
      // sent twice: the first time has signed in
      reached: ({ principal }, sent, { code }) =>
        code === 'CSRF_FAILED' && principal
          ? { redirect: safeReturnTo(tools.config, sent.return_to) ?? '/account' }
          : null,
      redisplay: async (call, typed, problem) => ({
        ...(await showSignUp(call, formState(call.locale, typed, problem), typed.return_to)),
        status: problem.status,
      }),
    }),
    page({
      of: registrationOperations.setupForm,
      method: 'GET',
      path: '/setup/:token',
      input: z.object({ token: SetupToken }),
      run: async (call, { token }) => {
        await assertSetupLink(tools, call, token)
        return showSetup(call, token, {})
      },
      redisplay: async (call, _typed, problem) => setupInvalid(call, problem),
    }),
    page({
      of: registrationOperations.setUp,
      method: 'POST',
      path: '/setup/:token',
      input: AccountForm.extend({ token: SetupToken }),
      judge: judgeRegistration(tools),
      run: async (call, { token, ...input }) =>
        redirectOutcome(call, await setUpAdministrator(tools, call, token, input)),
      reached: ({ principal }, _sent, { code }) =>
        code === 'CSRF_FAILED' && principal ? { redirect: '/account' } : null,
      redisplay: async (call, typed, problem) =>
        problem.code === 'INVALID_TOKEN' || problem.code === 'TOKEN_EXPIRED'
          ? setupInvalid(call, problem)
          : {
              ...showSetup(call, typed.token ?? '', formState(call.locale, typed, problem)),
              status: problem.status,
            },
    }),
  ]
}
