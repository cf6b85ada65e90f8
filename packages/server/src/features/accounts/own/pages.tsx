/** The hosted pages of the caller's own account: the profile, and deletion. */
import { can } from '@latchkey/guard'
import { z } from 'zod'
import { type Call, LOCALES } from '../../../base/call.ts'
import { optional, TypedPassword } from '../../../base/fields.ts'
import { type PageAnswer, page, type Row } from '../../../base/http/row/route.ts'
import { FullName, Username } from '../../../base/identifiers.ts'
import { type FormState, formState } from '../../../base/page/index.ts'
import { findProvenOrganizations } from '../../../core/account-proof.ts'
import { findOpenDemands } from '../../../core/demand-notice.tsx'
import { findMailFault } from '../../../core/mail/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { ADDRESS_TEXTS, PROFILE_TEXTS } from '../../../core/user-profile.ts'
import { atPasswordField } from '../../signin/responses/index.ts'
import { ownAddress } from '../address/index.ts'
import {
  deleteOwnAccount,
  deletionOutlook,
  isDeleted,
  ownAccount,
  ownUser,
  updateProfile,
} from './account.ts'
import { profileOperations } from './operations.ts'
import { accountText } from './texts.ts'
import { Account, DeleteAccount } from './views.tsx'

/** The same for the fields that a page which was opened before an update does not have. */
const clearing = (schema: z.ZodType<string, string>) =>
  z.preprocess(
    (value) => (typeof value === 'string' && value.trim() === '' ? null : value),
    schema.nullable().optional(),
  )
const clearingAll = <Name extends string>(
  texts: Readonly<Record<Name, { schema: z.ZodType<string, string> }>>,
) =>
  Object.fromEntries(
    Object.entries<(typeof texts)[Name]>(texts).map(([name, { schema }]) => [name, clearing(schema)]),
  ) as Record<Name, ReturnType<typeof clearing>>
const ProfileForm = z.object(clearingAll(PROFILE_TEXTS))
const AddressForm = z.object(clearingAll(ADDRESS_TEXTS))

/** A form sends every field; an empty field clears the value. */
const orNull = <T extends z.ZodType>(schema: T) => optional(schema).transform((value) => value ?? null)

export const accountPages = (tools: Tools): Row[] => {
  async function showAccount(call: Call, form: FormState, saved: boolean): Promise<PageAnswer> {
    const { user, pending } = await ownAddress(tools, call)
    const demands = await findOpenDemands(tools, call)
    const isWhole = (await findProvenOrganizations(tools.db.hot, call.session)) === null
    const mailFault = isOperator(call) ? await findMailFault(tools.db.hot, tools.config) : null
    const { profile: stated } = await ownAccount(tools, call)
    const account = {
      email: user.email,
      emailVerified: user.email_verified_at !== null,
      fullName: user.full_name,
      username: user.username,
      locale: user.locale,
      createdAt: user.created_at,
      profile: stated,
      pendingEmail: isWhole ? (pending?.address ?? null) : null,
    }
    return {
      page: <Account user={account} demands={demands} mailFault={mailFault} saved={saved} {...form} />,
      title: accountText(call.locale, 'account.title'),
    }
  }
  async function showDelete(call: Call, form: FormState): Promise<PageAnswer> {
    const { id, email } = await ownUser(tools, call)
    const outlook = await deletionOutlook(tools, call)
    return {
      page: <DeleteAccount id={id} email={email} outlook={outlook} {...form} />,
      title: accountText(call.locale, 'delete.title'),
    }
  }

  return [
    page({
      of: profileOperations.home,
      method: 'GET',
      path: '/',
      input: z.object({}),
      run: async (call) => ({ redirect: call.principal ? '/account' : '/sign-in' }),
    }),
    page({
      of: profileOperations.show,
      name: 'pages.account',
      method: 'GET',
      path: '/account',
      input: z.object({ saved: z.string().max(10).optional() }),
      run: (call, { saved }) => showAccount(call, {}, saved !== undefined),
    }),
    page({
      of: profileOperations.update,
      name: 'pages.account.submit',
      method: 'POST',
      path: '/account',
      input: z.object({
        full_name: orNull(FullName),
        username: orNull(Username),
        locale: orNull(z.enum(LOCALES)),
        ...ProfileForm.shape,
        ...AddressForm.shape,
      }),
      run: async (call, { full_name, username, locale, ...others }) => {
        const profile = { ...ProfileForm.parse(others), address: AddressForm.parse(others) }
        await updateProfile(tools, call, { full_name, username, locale, profile })
        return { redirect: '/account?saved=1' }
      },
      redisplay: async (call, typed, problem) => ({
        ...(await showAccount(call, formState(call.locale, typed, problem), false)),
        status: problem.status,
      }),
    }),
    page({
      of: profileOperations.confirmDeletion,
      method: 'GET',
      path: '/account/delete',
      input: z.object({}),
      run: (call) => showDelete(call, {}),
    }),
    page({
      of: profileOperations.delete,
      name: 'pages.account.delete.submit',
      method: 'POST',
      path: '/account/delete',
      input: z.object({ password: optional(TypedPassword), account: z.string().max(64).optional() }),
      run: async (call, { password }) => {
        await deleteOwnAccount(tools, call, password)
        const cleared = ['session', 'device'].map((name) => ({ name, value: null }))
        return { redirect: '/sign-in?notice=account_deleted', cookies: cleared }
      },
      reached: async (call, { account = '' }) =>
        call.principal === null && (await isDeleted(tools, account))
          ? { redirect: '/sign-in?notice=account_deleted' }
          : null,
      redisplay: async (call, typed, problem) => {
        const form = formState(call.locale, typed, atPasswordField('password', problem))
        return { ...(await showDelete(call, form)), status: problem.status }
      },
    }),
  ]
}

/** An administrator of the server can do something about e-mails that are not sent. */
const isOperator = ({ principal }: Call): boolean => principal !== null && can(principal, 'system:read')
