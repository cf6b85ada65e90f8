/**
 * The HTML document around every page. No inline code or style: the Content-Security-Policy of the pages forbids
 * both.
 */
import type { ComponentChildren } from 'preact'
import { baseText } from './base-texts.ts'
import type { Brand } from './brand.ts'
import { AppLogo, Button } from './parts.tsx'
import { useUi } from './ui.ts'

/** A key hole; also the icon of the pages. */
const KEY_HOLE = 'M16 7a5.5 5.5 0 0 0-3 10.1L11.5 25h9L19 17.1A5.5 5.5 0 0 0 16 7z'
const SHAPE = { width: 32, height: 32, rx: 8 }

export const icon = ({ light: { fill, onFill } }: Brand): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="${fill}"/><path d="${KEY_HOLE}" fill="${onFill}"/></svg>`

export interface AssetPaths {
  styles: string
  script: string
  icon: string
}

export function Document({ title, paths, body }: { title: string; paths: AssetPaths; body: string }) {
  const { locale, csrfToken } = useUi()
  return (
    <html lang={locale}>
      <head>
        <meta charset="utf-8" />
        <title>{title}</title>
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        {csrfToken ? <meta name="csrf-token" content={csrfToken} /> : null}
        <link rel="stylesheet" href={paths.styles} />
        <link rel="icon" href={paths.icon} type="image/svg+xml" />
        <script type="module" src={paths.script} />
      </head>
      {/* rendered by Preact before the document, because the title depends on whether a form has errors */}
      <body dangerouslySetInnerHTML={{ __html: body }} />
    </html>
  )
}

export function Body({ children }: { children: ComponentChildren }) {
  const { locale, brand, continuesTo, signedIn } = useUi()
  return (
    <>
      <a class="skip" href="#content">
        {baseText(locale, 'skip')}
      </a>
      <header class={signedIn ? 'bar signed-in' : 'bar'}>
        <BrandMark />
        {signedIn ? <Person /> : null}
      </header>
      <main id="content" tabindex={-1}>
        {continuesTo === null ? null : (
          <p class="links">
            <AppLogo logo={continuesTo.logo} />
            <span>{baseText.nodes(locale, 'toward', { app: <strong>{continuesTo.name}</strong> })}</span>
          </p>
        )}
        {children}
      </main>
      <footer>
        {brand.name === 'Latchkey' ? brand.name : `${brand.name} · ${baseText(locale, 'runs_on')}`}
      </footer>
    </>
  )
}

function BrandMark() {
  const { locale, brand, signedIn } = useUi()
  const mark = brand.logo ? (
    <img src={brand.logo} alt={brand.name} />
  ) : (
    <>
      <svg viewBox="0 0 32 32" aria-hidden="true">
        <rect {...SHAPE} />
        <path d={KEY_HOLE} />
      </svg>
      {brand.name}
    </>
  )
  // no link for a visitor: it would lead away from where the sign-in was going
  if (!signedIn) return <span class="brand">{mark}</span>
  return (
    <a class="brand" href="/account" aria-label={`${brand.name}: ${baseText(locale, 'your_account')}`}>
      {mark}
    </a>
  )
}

function Person() {
  const { locale, csrfToken, signedIn } = useUi()
  const name = signedIn?.name ?? signedIn?.email
  return (
    <div class="person">
      <div class="who">
        {name ? (
          <span>
            <span class="unseen">{baseText(locale, 'signed_in_as')}</span> {name}
          </span>
        ) : null}
        {signedIn?.organization ? (
          <a href="/account/organizations">
            <span class="unseen">{baseText(locale, 'acting_in')}</span> {signedIn.organization}
          </a>
        ) : null}
      </div>
      {csrfToken ? (
        <form method="post" action="/sign-out">
          <input type="hidden" name="csrf_token" value={csrfToken} />
          <Button kind="link">{baseText(locale, 'sign_out')}</Button>
        </form>
      ) : (
        // without a CSRF token: a link to the page with the form
        <a href="/sign-out">{baseText(locale, 'sign_out')}</a>
      )}
    </div>
  )
}
