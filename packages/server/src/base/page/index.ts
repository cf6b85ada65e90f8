/**
 * Hosted pages: the document around them, its texts, stylesheet, script and branding. Leaves headers and cookies to
 * base/http, and the contents to the views of the features, which import their components from parts.tsx and form.tsx.
 * Invariant: no page has inline code or style, and user input is always rendered as text. A view needs neither locale
 * nor CSRF token as a prop: `useUi()` has them, and `Form` sends the token.
 */
export { createPages, type PageAsset, type PageContents, type Pages } from './pages.tsx'
export { type FormState, fieldTexts, formState, problemText } from './problem-texts.ts'
export { texts } from './texts.ts'
export { agoText, timeText } from './times.ts'
export { type SignedIn, useUi } from './ui.ts'
