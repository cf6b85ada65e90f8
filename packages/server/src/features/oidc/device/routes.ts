/** The device authorization endpoint (RFC 8628 §3.1). */
import { z } from 'zod'
import { described, textField } from '../../../base/described.ts'
import { protocol, type Row } from '../../../base/http/row/route.ts'
import type { Tools } from '../../../core/tools.ts'
import { authenticateClient, Credentials, parameter } from '../authentication/index.ts'
import { deviceOperations } from './operations.ts'
import { beginDevice } from './requests.ts'

const DeviceParameters = z.object({
  ...Credentials,
  scope: parameter('Scopes, separated by spaces.', 'openid profile'),
  resource: described(
    z.array(z.string().max(8192)).max(20).optional(),
    'The APIs that the access token is for (RFC 8707); may be sent several times.',
    ['https://api.example.com'],
  ),
})

const DeviceAnswerView = z
  .object({
    device_code: textField(
      'Gets the tokens at the token endpoint. The device alone knows it.',
      'dc_kPZ0b6pV5f3V0XgqzH2m1d9s7yT4uQ8wE6rL0aC3nJk',
    ),
    user_code: textField('What the user enters, in any case, with the hyphen or without.', 'WDJB-MJHT'),
    verification_uri: textField('Where the user enters it.', 'https://id.example.com/oidc/device'),
    verification_uri_complete: textField(
      'The same with the code, to show as a QR code. The user still compares the code.',
      'https://id.example.com/oidc/device?user_code=WDJB-MJHT',
    ),
    expires_in: described(z.number().int(), 'The lifetime of both codes in seconds.', 600),
    interval: described(z.number().int(), 'Seconds to wait between two requests for tokens.', 5),
  })
  .meta({ id: 'DeviceAuthorization' })

export function deviceGrantRoutes(tools: Tools): Row[] {
  return [
    protocol({
      of: deviceOperations.request,
      method: 'POST',
      path: '/oidc/device_authorization',
      description:
        'For apps on devices without a browser, or without a keyboard (RFC 8628): a user signs in on another device and allows it there. Meanwhile the app requests its tokens with `device_code` at the token endpoint, at most once in each `interval`, which grows by five seconds with each `slow_down`.',
      tag: 'OpenID Connect',
      message: 'What the device shows to its user.',
      repeats: ['resource'],
      input: DeviceParameters,
      output: DeviceAnswerView,
      run: async (call, sent, request) => {
        const by = await authenticateClient(tools, call, sent, request)
        return { data: await beginDevice(tools, call, by, sent) }
      },
    }),
  ]
}
