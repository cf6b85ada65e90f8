/** How remembered devices are shown as JSON. */
import { z } from 'zod'
import {
  described,
  EXAMPLE_LATER,
  flagField,
  idField,
  textOrNull,
  timeField,
} from '../../../base/described.ts'

export const RememberedDevice = z
  .object({
    id: idField('dev', 'The browser.'),
    current: flagField('Whether it is the browser of this request.', true),
    device: described(
      z.object({
        browser: textOrNull('The name of the browser; null if it is not recognized.', 'Firefox'),
        system: textOrNull('The operating system; null if it is not recognized.', 'Linux'),
      }),
      'The browser of the latest sign-in, as its `User-Agent` names it.',
    ),
    ip_address: textOrNull('The address of the latest sign-in; null if it is not known.', '192.0.2.1'),
    user_agent: textOrNull(
      'The `User-Agent` of the latest sign-in; null if none was sent.',
      'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0',
    ),
    created_at: timeField('The first sign-in from it.'),
    last_used_at: timeField('The latest sign-in from it.'),
    trusted_until: timeField('Until when it may skip the second factor.', EXAMPLE_LATER),
  })
  .meta({ id: 'RememberedDevice' })
export type RememberedDevice = z.infer<typeof RememberedDevice>
