/**
 * Translates a Problem for the reader of the page: by its code from the catalogue, never by its English message. Field
 * errors are translated by the stable code of each entry.
 */
import type { Locale } from '../call.ts'
import type { FieldError, Problem } from '../errors.ts'
import { baseText } from './base-texts.ts'

/** The state of a form that is displayed again: its values, the errors of its fields, the error of the whole form. */
export interface FormState {
  typed?: Readonly<Record<string, string>> | undefined
  /** Sentences by field name. */
  errors?: Readonly<Record<string, string>> | undefined
  /** A sentence about the whole form, shown on top. */
  alert?: string | null | undefined
  /** What the script solves so that the form can be sent before the time to wait has passed. */
  challenge?: { challenge: string; difficulty: number } | null | undefined
}

const isFieldErrors = (details: Problem['details']): details is FieldError[] => Array.isArray(details)

/** Seconds as a sentence: in minutes from one minute up. */
export function waitText(locale: Locale, seconds: number): string {
  return seconds < 60
    ? baseText(locale, 'problem.wait', { count: Math.max(1, Math.ceil(seconds)) })
    : baseText(locale, 'problem.wait_minutes', { count: Math.ceil(seconds / 60) })
}

const numberIn = (details: Problem['details'], name: string): number | null => {
  const value = details && !isFieldErrors(details) ? details[name] : undefined
  return typeof value === 'number' && Number.isFinite(value) ? value : null
}

/** What was not found, or why something is refused, where the problem says it. */
function particularText(locale: Locale, { code, details }: Problem): string | null {
  if (!details || isFieldErrors(details)) return null
  if (code === 'NOT_FOUND') return baseText.find(locale, `missing.${String(details.resource)}`)
  return baseText.find(locale, `reason.${String(details.reason)}`)
}

/** One or two sentences about the problem. */
export function problemText(locale: Locale, problem: Problem): string {
  const sentences = [
    particularText(locale, problem) ?? baseText.find(locale, `error.${problem.code}`) ?? problem.message,
  ]
  if (problem.code === 'AUTHENTICATION_FAILED') {
    const left = numberIn(problem.details, 'attempts_remaining')
    const wait = numberIn(problem.details, 'lockout_duration')
    if (left === 0 && wait !== null)
      sentences.push(baseText(locale, 'error.locked_now'), waitText(locale, wait))
    else if (left !== null && left > 0 && left <= 3)
      sentences.push(baseText(locale, 'error.attempts_remaining', { count: left }))
  } else {
    const wait = problem.retryAfter ?? numberIn(problem.details, 'lockout_duration')
    if (wait !== null && problem.status !== 503) sentences.push(waitText(locale, wait))
  }
  return sentences.join(' ')
}

/** The heading of the page that shows the problem. */
export const problemTitle = (locale: Locale, problem: Problem): string =>
  baseText.find(locale, `title.${problem.code}`) ?? baseText(locale, 'title.other')

/** The error sentences by field; several errors of one field are joined. */
export function fieldTexts(locale: Locale, problem: Problem): Record<string, string> {
  const sentences = new Map<string, string[]>()
  for (const error of fieldErrors(problem)) {
    const known = baseText.find(locale, `field.${error.code}`, error.params)
    // a sentence with an unfilled placeholder is worse than the general one
    const text = known?.includes('{') ? null : known
    const earlier = sentences.get(error.field) ?? []
    const next =
      text ?? (locale === 'en' && error.message ? error.message : baseText(locale, 'field.invalid'))
    sentences.set(error.field, earlier.includes(next) ? earlier : [...earlier, next])
  }
  return Object.fromEntries([...sentences].map(([field, those]) => [field, those.join(' ')]))
}

/** A CONFLICT that names a field is an error of that field. */
function fieldErrors({ code, details }: Problem): readonly FieldError[] {
  if (isFieldErrors(details)) return details
  if (code !== 'CONFLICT' || typeof details?.field !== 'string') return []
  return [{ field: details.field, code: 'taken', message: '' }]
}

/** The state of a form after `problem`, for `redisplay` of a row: `<SignIn {...formState(call.locale, typed, problem)} />`. */
export function formState(
  locale: Locale,
  typed: Readonly<Record<string, string>>,
  problem: Problem,
): Required<Omit<FormState, 'challenge'>> & Pick<FormState, 'challenge'> {
  const errors = fieldTexts(locale, problem)
  const isAboutFields = Object.keys(errors).length > 0
  const alert = isAboutFields ? null : problemText(locale, problem)
  const challenge = challengeIn(problem)
  return { typed, errors, alert, ...(challenge && { challenge }) }
}

function challengeIn({ code, details }: Problem): FormState['challenge'] {
  if (code !== 'RATE_LIMIT_EXCEEDED' || !details || isFieldErrors(details)) return null
  return (details.challenge as FormState['challenge']) ?? null
}
