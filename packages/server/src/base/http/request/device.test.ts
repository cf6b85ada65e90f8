import { describe, expect, it } from 'vitest'
import { type DeviceDescription, deviceName } from './device.ts'

const MAC = 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)'
const WINDOWS = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64)'
const KHTML = 'AppleWebKit/537.36 (KHTML, like Gecko)'
const IPHONE =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)'
const PIXEL = 'Mozilla/5.0 (Linux; Android 14; Pixel 8)'

const known: readonly [
  string | null,
  DeviceDescription['browser'],
  DeviceDescription['system'],
  DeviceDescription['kind'],
][] = [
  [`${WINDOWS} ${KHTML} Chrome/131.0.0.0 Safari/537.36`, 'Chrome', 'Windows', 'computer'],
  [`${WINDOWS} ${KHTML} Chrome/131.0.0.0 Safari/537.36 Edg/131.0.0.0`, 'Edge', 'Windows', 'computer'],
  [`${MAC} ${KHTML} Chrome/131.0.0.0 Safari/537.36 OPR/117.0.0.0`, 'Opera', 'macOS', 'computer'],
  ['Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0', 'Firefox', 'Linux', 'computer'],
  [
    `${MAC} AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15`,
    'Safari',
    'macOS',
    'computer',
  ],
  [
    `Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) ${KHTML} Chrome/131.0.0.0 Safari/537.36`,
    'Chrome',
    'ChromeOS',
    'computer',
  ],
  [
    `Mozilla/5.0 (X11; Linux x86_64) ${KHTML} HeadlessChrome/131.0.0.0 Safari/537.36`,
    'Chrome',
    'Linux',
    'computer',
  ],
  [`${IPHONE} Version/17.5 Mobile/15E148 Safari/604.1`, 'Safari', 'iOS', 'phone'],
  [`${IPHONE} CriOS/131.0.6778.73 Mobile/15E148 Safari/604.1`, 'Chrome', 'iOS', 'phone'],
  [`${IPHONE} FxiOS/133.0 Mobile/15E148 Safari/605.1.15`, 'Firefox', 'iOS', 'phone'],
  [`${IPHONE} EdgiOS/131.0 Version/17.0 Mobile/15E148 Safari/604.1`, 'Edge', 'iOS', 'phone'],
  [`${IPHONE} Mobile/15E148`, 'WebView', 'iOS', 'phone'],
  [
    'Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/16.6 Mobile/15E148 Safari/604.1',
    'Safari',
    'iPadOS',
    'tablet',
  ],
  [`${PIXEL} ${KHTML} Chrome/131.0.0.0 Mobile Safari/537.36`, 'Chrome', 'Android', 'phone'],
  [`${PIXEL} ${KHTML} Chrome/131.0.0.0 Mobile Safari/537.36 EdgA/131.0.0.0`, 'Edge', 'Android', 'phone'],
  [
    `Mozilla/5.0 (Linux; Android 13; SM-X710) ${KHTML} Chrome/131.0.0.0 Safari/537.36`,
    'Chrome',
    'Android',
    'tablet',
  ],
  [
    `${PIXEL} ${KHTML} SamsungBrowser/26.0 Chrome/122.0.0.0 Mobile Safari/537.36`,
    'Samsung Internet',
    'Android',
    'phone',
  ],
  ['Mozilla/5.0 (Android 14; Mobile; rv:133.0) Gecko/133.0 Firefox/133.0', 'Firefox', 'Android', 'phone'],
  ['curl/8.5.0', 'curl', null, 'program'],
  ['Wget/1.21.4', 'Wget', null, 'program'],
  ['python-requests/2.32.3', 'Python', null, 'program'],
  ['node', 'Node.js', null, 'program'],
  ['okhttp/4.12.0', 'Java', null, 'program'],
  ['Go-http-client/2.0', 'Go', null, 'program'],
  ['Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)', 'Googlebot', null, 'program'],
  ['Some<b>thing</b> else entirely', null, null, 'computer'],
  ['', null, null, 'computer'],
  [null, null, null, 'computer'],
]

describe('deviceName', () => {
  it.each(known)('%s', (userAgent, browser, system, kind) => {
    expect(deviceName(userAgent)).toEqual({ browser, system, kind })
  })

  it('parses a hostile header of any length quickly', { retry: 4 }, () => {
    const started = performance.now()
    for (const piece of ['Version/1', 'bot-', 'a', '('])
      expect(deviceName(piece.repeat(200_000)).kind).toBeTypeOf('string')
    expect(performance.now() - started).toBeLessThan(200)
  })
})
