/** Remembered devices on the page of an account's security: the row, and its forms. */
import { z } from 'zod'
import { page, type Row } from '../../../base/http/row/route.ts'
import type { Tools } from '../../../core/tools.ts'
import { type SecuritySection, securityPath } from '../security/index.ts'
import { deviceOperations } from './operations.ts'
import { forgetRemembered, isOwnDevice, listRemembered } from './own.ts'
import { devicesText as t } from './texts.ts'
import { DevicesRow } from './views.tsx'

const PATH = '/account/security/devices'
const FORGOTTEN = { redirect: securityPath('devices', 'forgotten') }

export const devicesSection = (tools: Tools): SecuritySection => ({
  id: 'devices',
  title: (locale) => t(locale, 'title'),
  async summary(call) {
    const { length: count } = await listRemembered(tools, call)
    return count === 0 ? t(call.locale, 'none') : t(call.locale, 'some', { count })
  },
  view: async (call) => <DevicesRow path={PATH} devices={await listRemembered(tools, call)} />,
  notice: ({ locale }, name) => (name === 'forgotten' ? t(locale, 'forgotten') : null),
})

export const devicePages = (tools: Tools): Row[] => [
  page({
    of: deviceOperations.forget,
    name: 'pages.security.devices.forget',
    method: 'POST',
    path: `${PATH}/:id/forget`,
    formAt: '/account/security',
    input: z.object({ id: z.string().max(64) }),
    run: async (call, { id }) => {
      await forgetRemembered(tools, call, id)
      return FORGOTTEN
    },
    // sent twice, or the time was over: it is forgotten
    reached: async (call, { id = '' }, { code }) =>
      code === 'NOT_FOUND' && (await isOwnDevice(tools, call, id)) ? FORGOTTEN : null,
  }),
  page({
    of: deviceOperations.forgetAll,
    name: 'pages.security.devices.forget_all',
    method: 'POST',
    path: `${PATH}/forget-all`,
    formAt: '/account/security',
    input: z.object({}),
    run: async (call) => {
      await forgetRemembered(tools, call, null)
      return FORGOTTEN
    },
  }),
]
