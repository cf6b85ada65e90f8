import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Call, LOCALES, systemCall } from '../call.ts'
import { ERRORS, type ErrorCode, invalid, problem } from '../errors.ts'
import { baseText } from './base-texts.ts'
import { brand, contrast, SURFACES } from './brand.ts'
import { ButtonForm, Checkbox, Field, Form, PasswordField } from './form.tsx'
import { createPages, fieldTexts, formState, problemText, texts } from './index.ts'
import { Button } from './parts.tsx'

const pages = createPages({ brandName: 'Acme', brandLogo: null, brandAccent: null })
const call = (locale: Call['locale'] = 'en'): Call => ({ ...systemCall(new Date(0)), locale })
const HOSTILE = `"><img src=x onerror=alert(1)>'</script><!-- {count} \u202e`

describe('texts', () => {
  const t = texts({
    en: { hello: 'Hello {name}', files: { one: 'One file', other: '{count} files' } },
    de: { hello: 'Hallo {name}', files: { one: 'Eine Datei', other: '{count} Dateien' } },
  })

  it('are filled with values in the requested language', () => {
    expect(t('en', 'hello', { name: 'Ada' })).toBe('Hello Ada')
    expect(t('de', 'hello', { name: 'Ada' })).toBe('Hallo Ada')
  })
  it('have the plural forms one and other', () => {
    expect([1, 2, 0].map((count) => t('en', 'files', { count }))).toEqual(['One file', '2 files', '0 files'])
  })
  it('are not filled inside a value', () => {
    expect(t('en', 'hello', { name: '{name}{count}' })).toBe('Hello {name}{count}')
  })
  it('have no entries for the names of inherited members', () => {
    expect(t.find('en', 'constructor')).toBeNull()
    expect(t.find('en', 'hello', {})).toBe('Hello {name}')
  })
})

describe('the error page', () => {
  const RETURN_PATH = { retry: '/form?return_to=%2Fa%3Fb%26c', returnTo: '/a?b&c' }
  const ada: Call = {
    ...call(),
    principal: { name: 'Ada', locale: null } as unknown as NonNullable<Call['principal']>,
  }
  /** The address of its only button. */
  const addressOf = (to: Call, code: ErrorCode, path?: typeof RETURN_PATH) => {
    const html = pages.renderProblem(to, problem(code), 'token', path)
    const [, address = ''] = /<a href(?:="([^"]*)")? class="button/.exec(html) ?? ['', 'nowhere']
    return address
  }

  it.each(['CSRF_FAILED', 'RATE_LIMIT_EXCEEDED', 'UNAVAILABLE', 'INTERNAL_ERROR'] as const)(
    'links back to the form after %s, or to its own address',
    (code) => {
      for (const to of [call(), ada]) {
        expect(addressOf(to, code, RETURN_PATH)).toBe(RETURN_PATH.retry)
        expect(addressOf(to, code)).toBe('')
      }
    },
  )
  it.each(['SESSION_EXPIRED', 'AUTHENTICATION_REQUIRED'] as const)(
    'links to sign-in after %s, which continues with the form',
    (code) => {
      for (const to of [call(), ada]) {
        expect(addressOf(to, code, RETURN_PATH)).toBe('/sign-in?return_to=%2Fa%3Fb%26c')
        expect(addressOf(to, code)).toBe('/sign-in')
      }
    },
  )
  it('links to the account page after a lasting problem, through sign-in if the user is not signed in', () => {
    expect(addressOf(call(), 'NOT_FOUND', RETURN_PATH)).toBe('/sign-in?return_to=%2Fa%3Fb%26c')
    expect(addressOf(ada, 'NOT_FOUND', RETURN_PATH)).toBe('/account')
  })
})

describe('the text of a problem', () => {
  it.each(LOCALES)('exists for every code (%s)', (locale) => {
    for (const code of Object.keys(ERRORS) as ErrorCode[]) {
      expect(baseText.find(locale, `error.${code}`), code).not.toBeNull()
      expect(problemText(locale, problem(code))).toMatch(/[.!?]$/)
    }
  })
  it('has the remaining time of a lock, in minutes', () => {
    const locked = problem('ACCOUNT_LOCKED', { details: { lockout_duration: 841 } })
    const last = problem('CONFLICT', { details: { reason: 'last_way_in' } })
    expect(problemText('en', last)).toContain('the last way to sign in')
    expect(problemText('de', last)).toContain('der letzte Weg')
    expect(problemText('en', locked)).toContain('15 minutes')
    expect(problemText('de', locked)).toContain('15 Minuten')
  })
  it('says that the failed attempt was the last one', () => {
    const details = { attempts_remaining: 0, lockout_duration: 900 }
    const last = (locale: 'en' | 'de') => problemText(locale, problem('AUTHENTICATION_FAILED', { details }))
    expect(last('en')).toMatch(/is wrong\. Sign-in is locked now\. .*15 minutes/)
    expect(last('de')).toMatch(/ist falsch\. Die Anmeldung ist jetzt gesperrt\. .*15 Minuten/)
  })
  it('warns only shortly before a lock', () => {
    const failed = (left: number) =>
      problemText('en', problem('AUTHENTICATION_FAILED', { details: { attempts_remaining: left } }))
    expect(failed(1)).toContain('one more')
    expect(failed(4)).not.toContain('4')
  })
  it('translates field errors by code, with their values', () => {
    const short = problem('VALIDATION_ERROR', {
      details: [
        { field: 'password', code: 'too_short', message: 'x', params: { min: 15 } },
        { field: 'password', code: 'needs_digit', message: 'x' },
        { field: 'email', code: 'too_short', message: 'x' },
        { field: '__proto__', code: 'required', message: 'x' },
      ],
    })
    expect(fieldTexts('de', short).password).toBe(
      'Verwenden Sie mindestens 15 Zeichen. Fügen Sie eine Ziffer hinzu.',
    )
    expect(fieldTexts('de', short).email).toBe('Diese Angabe ist ungültig.')
    expect(Object.keys(fieldTexts('en', short))).toEqual(['password', 'email', '__proto__'])
  })
  it('is the message of the problem only in English', () => {
    const odd = invalid('email', 'no_such_code', 'Something odd.')
    expect(fieldTexts('en', odd).email).toBe('Something odd.')
    expect(fieldTexts('de', odd).email).toBe('Diese Angabe ist ungültig.')
  })
  it('of a CONFLICT belongs to its field', () => {
    const taken = problem('CONFLICT', { details: { field: 'username' } })
    expect(formState('en', {}, taken)).toEqual({
      typed: {},
      errors: { username: 'This is already taken.' },
      alert: null,
    })
  })
})

describe('a page', () => {
  const page = (
    <Form
      action="/x"
      fields={{ email: 'E-mail', password: 'Password', terms: 'Terms' }}
      typed={{ email: HOSTILE, password: 'never-shown-again', terms: 'true' }}
      errors={{ email: `${HOSTILE}`, other: 'Elsewhere.' }}
      returnTo={HOSTILE}
    >
      <Field name="email" type="email" hint="A hint" />
      <PasswordField name="password" autocomplete="new-password" minimum={15} />
      <Checkbox name="terms" />
      <Button>Go</Button>
    </Form>
  )
  const html = pages.renderPage(call(), { page, title: HOSTILE, csrfToken: 'tok"en' })

  it('is in the language of the call', () => {
    expect(html).toMatch(/^<!doctype html><html lang="en"><head><meta charset="utf-8"\/?><title>/)
    expect(pages.renderPage(call('de'), { page, title: 'x', csrfToken: null })).toContain('<html lang="de">')
  })
  it('renders user input as text', () => {
    expect(html).not.toContain('<img')
    expect(html).not.toMatch(/onerror=(?!alert\(1\)>)/)
    expect(html).toContain('value="&quot;>&lt;img src=x onerror=alert(1)>')
  })
  it('never displays a password again', () => {
    expect(html).not.toContain('never-shown-again')
  })
  it('has the CSRF token in every form', () => {
    expect(html).toContain('<input type="hidden" name="csrf_token" value="tok&quot;en"/>')
    expect(html).toContain('<meta name="csrf-token" content="tok&quot;en"/>')
  })
  it('has no token if it is the same for every caller', () => {
    const plain = pages.renderPage(call(), { page, title: 'x', csrfToken: null })
    expect(plain).not.toContain('csrf')
  })
  it('links the summary to the field, and the field to its error', () => {
    expect(html).toContain('<a href="#field-email">')
    expect(html).toMatch(
      /<input id="field-email" .* aria-describedby="field-email-hint field-email-error" aria-invalid="true"\/>/,
    )
    expect(html).toContain('<li>Elsewhere.</li>')
  })
  it('has a title that begins with Error: if a form was refused', () => {
    expect(html).toContain('<title>Error: ')
    const fine = pages.renderPage(call(), {
      page: <ButtonForm action="/x" label={' id="form-errors"'} />,
      title: 'Fine',
      csrfToken: null,
    })
    expect(fine).toContain('<title>Fine · Acme</title>')
  })
  it('keeps a ticked box', () => {
    expect(html).toMatch(/<input id="field-terms"[^>]* checked/)
  })
  it('has a link to sign out if it has no token', () => {
    const signedIn = { name: 'Ada', email: null }
    const error = pages.renderPage(call(), { page, title: 'x', csrfToken: null, signedIn })
    expect(error).toContain('<a href="/sign-out">')
  })
})

describe('the assets', () => {
  it('are named after their content and stay small', () => {
    const other = createPages({ brandName: 'Acme', brandLogo: null, brandAccent: '#aa0000' })
    const [styles, script] = pages.assets
    expect(styles?.path).toMatch(/^\/assets\/[\w-]{12}\.css$/)
    expect(other.assets[0]?.path).not.toBe(styles?.path)
    expect(other.assets[1]?.path).toBe(script?.path)
    expect(styles?.body.length).toBeLessThan(12_000)
    expect(script?.body.length).toBeLessThan(4_000)
    expect(pages.assets[4]?.body.length).toBeLessThan(3_500)
  })
  it('have a script that parses', () => {
    for (const n of [1, 2, 4]) expect(() => new Function(pages.assets[n]?.body ?? '(')).not.toThrow()
  })
})

describe('the brand', () => {
  const look = (brandAccent: string | null, brandLogo: string | null = null) =>
    brand({ brandName: 'Acme', brandLogo, brandAccent })

  it('has readable contrast with every accent, light and dark', () => {
    const colour = fc.integer({ min: 0, max: 0xffffff }).map((n) => `#${n.toString(16).padStart(6, '0')}`)
    fc.assert(
      fc.property(colour, (accent) => {
        const made = look(accent)
        for (const mode of ['light', 'dark'] as const) {
          expect(contrast(made[mode].fill, made[mode].onFill)).toBeGreaterThanOrEqual(4.5)
          for (const surface of Object.values(SURFACES[mode]))
            expect(contrast(made[mode].accent, surface)).toBeGreaterThanOrEqual(4.5)
        }
      }),
      { numRuns: 500 },
    )
  })
  it('keeps the accent unchanged if its contrast suffices', () => {
    expect(look('#ffd400').light.fill).toBe('#ffd400')
    expect(look('#0b5fff').light.accent).toBe('#0b5fff')
    expect(look('#FFF').light.onFill).toBe('#000000')
  })
  it.each(['red', '#12', '#12345g', '#fff;}body{display:none', 'url(x)'])(
    'refuses the accent %s',
    (accent) => {
      expect(() => look(accent)).toThrow('LATCHKEY_BRAND_ACCENT')
    },
  )
  it.each([
    'https://cdn.example/logo.png',
    '//cdn.example/logo.png',
    '/\\cdn.example/x',
    'javascript:alert(1)',
    'data:text/html,x',
    'logo.png',
  ])('refuses the logo %s', (logo) => {
    expect(() => look(null, logo)).toThrow('LATCHKEY_BRAND_LOGO')
  })
  it.each(['/logo.svg', 'data:image/png;base64,iVBORw0KGgo=', 'data:image/svg+xml;charset=utf-8,%3Csvg%3E'])(
    'accepts the logo %s',
    (logo) => {
      expect(look(null, logo).logo).toBe(logo)
    },
  )
})
