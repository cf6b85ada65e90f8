/** The one format of dates and times that people read, on pages and in e-mails. */
import type { Locale } from '../call.ts'
import { baseText } from './base-texts.ts'

export type Precision = 'day' | 'minute'

const TAGS: Readonly<Record<Locale, string>> = { en: 'en-GB', de: 'de' }
/** Made at first use: each takes milliseconds, which would delay every start. */
const formats = new Map<string, Intl.DateTimeFormat>()

function formatOf(locale: Locale, to: Precision): Intl.DateTimeFormat {
  const key = `${locale} ${to}`
  const known = formats.get(key)
  if (known) return known
  const time = to === 'minute' ? ({ timeStyle: 'short' } as const) : {}
  const format = new Intl.DateTimeFormat(TAGS[locale], { dateStyle: 'medium', timeZone: 'UTC', ...time })
  formats.set(key, format)
  return format
}

/** `22 Nov 2026, 12:00 UTC`; to the day, `22 Nov 2026`. */
export function timeText(locale: Locale, at: Date, to: Precision = 'minute'): string {
  const text = formatOf(locale, to).format(at)
  return to === 'day' ? text : baseText(locale, 'utc', { time: text })
}

const UNITS = [
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
  ['second', 1],
] as const

/** How long before `now` a time is, in the largest unit: `12 seconds ago`. */
export function agoText(locale: Locale, at: Date, now: Date): string {
  const seconds = Math.max(0, Math.floor((now.getTime() - at.getTime()) / 1000))
  const [unit, size] = UNITS.find(([, size]) => seconds >= size) ?? (['second', 1] as const)
  return new Intl.RelativeTimeFormat(TAGS[locale]).format(-Math.floor(seconds / size), unit)
}
