/**
 * The UI context of all components of a page: language, CSRF token, brand, signed-in user. `renderPage` provides it, so
 * that no view can omit the CSRF token and no row has to pass it.
 */
import { createContext } from 'preact'
import { useContext } from 'preact/hooks'
import type { Locale } from '../call.ts'
import type { AppAhead } from '../http/serve/return-path.ts'

export interface Ui {
  locale: Locale
  csrfToken: string | null
  brand: { name: string; logo: string | null }
  /** The path of the script of passkeys. */
  passkeyScript: string
  /** The app that the user continues to after signing in; null for none. */
  continuesTo: AppAhead | null
  /** The user that the header names; null if no user is signed in. */
  signedIn: SignedIn | null
}
export interface SignedIn {
  name: string | null
  email: string | null
  /** The name of the organization that the user acts in. */
  organization?: string | null
}

export const UiContext = createContext<Ui>({
  locale: 'en',
  csrfToken: null,
  brand: { name: 'Latchkey', logo: null },
  passkeyScript: '',
  continuesTo: null,
  signedIn: null,
})

export const useUi = (): Ui => useContext(UiContext)
