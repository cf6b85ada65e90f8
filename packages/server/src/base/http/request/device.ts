/**
 * User-agent parsing: the browser and system of a device, so that users recognize their own devices. For display only:
 * a user agent is a claim, never a credential.
 */
export interface DeviceDescription {
  /** `Firefox`; null where it is unknown. */
  browser: string | null
  /** `Windows`; null where it is unknown. */
  system: string | null
  kind: 'computer' | 'phone' | 'tablet' | 'program'
}

type Rule = readonly [name: string, pattern: RegExp]

/** The first match counts: most browsers also name the browsers they derive from. */
const BROWSERS: readonly Rule[] = [
  ['Edge', /\bEdg(?:e|A|iOS)?\//],
  ['Opera', /\b(?:OPR|OPT|OPiOS|Opera)\//],
  ['Samsung Internet', /\bSamsungBrowser\//],
  ['Vivaldi', /\bVivaldi\//],
  ['Brave', /\bBrave\//],
  ['DuckDuckGo', /\b(?:DuckDuckGo|Ddg)\//],
  ['Firefox', /\b(?:Firefox|FxiOS)\//],
  ['Chrome', /\b(?:Chrome|CriOS|HeadlessChrome)\//],
  ['Chromium', /\bChromium\//],
  ['Safari', /\bVersion\/[\d.]+.*\bSafari\//],
  ['WebView', /\bAppleWebKit\//],
]

const SYSTEMS: readonly Rule[] = [
  ['iPadOS', /\biPad\b/],
  ['iOS', /\b(?:iPhone|iPod)\b/],
  ['Android', /\bAndroid\b/],
  ['ChromeOS', /\bCrOS\b/],
  ['Windows', /\bWindows\b/],
  ['macOS', /\b(?:Macintosh|Mac OS X)\b/],
  ['Linux', /\bLinux\b/],
  ['FreeBSD', /\b(?:Free|Open|Net)BSD\b/],
]

/** Programs begin with their name: `curl/8.5.0`. */
const PROGRAMS: readonly Rule[] = [
  ['curl', /^curl\//],
  ['Wget', /^Wget\//],
  ['Postman', /^PostmanRuntime\//],
  ['Insomnia', /^insomnia\//i],
  ['HTTPie', /^HTTPie\//],
  ['Python', /^python-|^Python\/|\baiohttp\//i],
  ['Node.js', /^(?:node|undici|axios|got)\b/i],
  ['Java', /^(?:Java|okhttp|Apache-HttpClient)\b/i],
  ['Go', /^Go-http-client\//],
]
const BOT = /([\w-]*(?:bot|crawler|spider)[\w-]*)/i

const find = (rules: readonly Rule[], text: string): string | null =>
  rules.find(([, pattern]) => pattern.test(text))?.[0] ?? null

/** @param userAgent the header as stored; untrusted text */
export function deviceName(userAgent: string | null): DeviceDescription {
  const text = (userAgent ?? '').slice(0, 512)
  const program = find(PROGRAMS, text) ?? BOT.exec(text)?.[1]?.slice(0, 40)
  if (program) return { browser: program, system: null, kind: 'program' }
  const browser = find(BROWSERS, text)
  const system = find(SYSTEMS, text)
  return { browser, system, kind: kindOf(text, system) }
}

function kindOf(text: string, system: string | null): DeviceDescription['kind'] {
  if (system === 'iPadOS') return 'tablet'
  if (system === 'iOS') return 'phone'
  // Android tablets omit the word Mobile
  if (system === 'Android') return /\bMobile\b/.test(text) ? 'phone' : 'tablet'
  return /\bMobile\b/.test(text) ? 'phone' : 'computer'
}
