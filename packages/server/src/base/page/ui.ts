/**
 * What every part of a page may ask for without being handed it: the language, the token its forms carry, the
 * brand. `renderPage` provides it, so no view can forget the CSRF token and no row has to know it.
 */
import { createContext } from 'preact'
import { useContext } from 'preact/hooks'
import type { Locale } from '../call.ts'

export interface Ui {
  locale: Locale
  csrfToken: string | null
  brand: { name: string; logo: string | null }
  /** Whom the header greets; null for a stranger. */
  signedIn: SignedIn | null
}
export interface SignedIn {
  name: string | null
  email: string | null
  /** The name of the organization they act in. */
  organization?: string | null
}

export const UiContext = createContext<Ui>({
  locale: 'en',
  csrfToken: null,
  brand: { name: 'Latchkey', logo: null },
  signedIn: null,
})

export const useUi = (): Ui => useContext(UiContext)
