/** The one format of dates and times that people read, on pages and in e-mails. */
import type { Locale } from '../call.ts'
import { baseText } from './base-texts.ts'

export type Precision = 'day' | 'minute'

const FORMATS: Readonly<Record<Locale, Readonly<Record<Precision, Intl.DateTimeFormat>>>> = {
  en: formats('en-GB'),
  de: formats('de'),
}
function formats(tag: string) {
  const day = { dateStyle: 'medium', timeZone: 'UTC' } as const
  return {
    day: new Intl.DateTimeFormat(tag, day),
    minute: new Intl.DateTimeFormat(tag, { ...day, timeStyle: 'short' }),
  }
}

/** `22 Nov 2026, 12:00 UTC`; to the day, `22 Nov 2026`. */
export function timeText(locale: Locale, at: Date, to: Precision = 'minute'): string {
  const text = FORMATS[locale][to].format(at)
  return to === 'day' ? text : baseText(locale, 'utc', { time: text })
}
