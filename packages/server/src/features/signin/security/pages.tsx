/** The hosted page `/account/security`. */
import { z } from 'zod'
import { page, type Row } from '../../../base/http/row/route.ts'
import { findOpenDemands } from '../../../core/demand-notice.tsx'
import type { Tools } from '../../../core/tools.ts'
import { securityOperations } from './operations.ts'
import type { SecuritySection } from './section.ts'
import { securityText } from './texts.ts'
import { Security } from './views.tsx'

export const securityPages = (
  tools: Pick<Tools, 'config' | 'db'>,
  all: readonly SecuritySection[],
): Row[] => [
  page({
    of: securityOperations.show,
    method: 'GET',
    path: '/account/security',
    input: z.object({ open: z.string().max(40).optional(), notice: z.string().max(40).optional() }),
    run: async (call, { open, notice }) => {
      const hidden = await Promise.all(all.map((section) => section.isHidden?.(call) ?? false))
      const sections = all.filter((_, n) => !hidden[n])
      const rows = await Promise.all(
        sections.map(async (section) => {
          const [summary, view] = await Promise.all([section.summary(call), section.view(call)])
          return { id: section.id, title: section.title(call.locale), summary, view }
        }),
      )
      const demands = await findOpenDemands(tools, call)
      const opened = sections.find(({ id }) => id === open)
      const confirmation = notice === undefined ? null : (opened?.notice?.(call, notice) ?? null)
      return {
        page: <Security rows={rows} demands={demands} open={opened?.id ?? null} notice={confirmation} />,
        title: securityText(call.locale, 'title'),
      }
    },
  }),
]
