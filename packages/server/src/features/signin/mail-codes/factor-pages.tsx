/** Codes by e-mail as a second factor on the page of an account's security: the row, and its forms. */
import { z } from 'zod'
import type { Call } from '../../../base/call.ts'
import { notFound } from '../../../base/errors.ts'
import { page, type Row } from '../../../base/http/row/route.ts'
import type { Tools } from '../../../core/tools.ts'
import { mfaOperations, removeFactors } from '../mfa/index.ts'
import { type SecuritySection, securityPath } from '../security/index.ts'
import { enableEmailFactor, findEmailFactor } from './factor.tsx'
import { mailCodeOperations } from './operations.ts'
import { mailCodesText as t } from './texts.ts'
import { EmailFactorRow } from './views.tsx'

const ID = 'email-code'
const PATH = `/account/security/${ID}`
const ENABLED = { redirect: securityPath(ID, 'enabled') }
const REMOVED = { redirect: securityPath(ID, 'removed') }

const isEnabled = async (tools: Pick<Tools, 'config' | 'db'>, call: Call): Promise<boolean> =>
  (await findEmailFactor(tools, call)).factor !== null

/** The row of the security page: for users who have it, or may have it. */
export const emailFactorSection = (tools: Pick<Tools, 'config' | 'db'>): SecuritySection => ({
  id: ID,
  async isHidden(call) {
    const { factor, isOffered } = await findEmailFactor(tools, call)
    return factor === null && !isOffered
  },
  title: (locale) => t(locale, 'factor.title'),
  summary: async (call) => t(call.locale, (await isEnabled(tools, call)) ? 'factor.on' : 'factor.off'),
  async view(call) {
    const { factor, user, isStronger } = await findEmailFactor(tools, call)
    const isVerified = user.email_verified_at !== null
    const shown = { isEnabled: factor !== null, isVerified, isStronger, address: user.email }
    return <EmailFactorRow path={PATH} {...shown} />
  },
  notice: ({ locale }, name) =>
    name === 'enabled' || name === 'removed' ? t(locale, `factor.${name}`) : null,
})

export const emailFactorPages = (tools: Tools): Row[] => [
  page({
    of: mailCodeOperations.enableFactor,
    name: 'pages.security.email_code.enable',
    method: 'POST',
    path: PATH,
    formAt: '/account/security',
    input: z.object({}),
    run: async (call) => {
      await enableEmailFactor(tools, call)
      return ENABLED
    },
    reached: async (call, _sent, { code }) =>
      code === 'CONFLICT' && (await isEnabled(tools, call)) ? ENABLED : null,
  }),
  page({
    of: mfaOperations.disable,
    name: 'pages.security.email_code.remove',
    method: 'POST',
    path: `${PATH}/remove`,
    formAt: '/account/security',
    input: z.object({}),
    run: async (call) => {
      const { factor } = await findEmailFactor(tools, call)
      if (!factor) throw notFound('factor')
      await removeFactors(tools, call, { id: factor.id, kind: 'email' })
      return REMOVED
    },
    reached: (_call, _sent, { code }) => (code === 'NOT_FOUND' ? REMOVED : null),
  }),
]
