/**
 * Hosted pages: the document around them, its texts, stylesheet, script and branding. Leaves headers and cookies to
 * base/http, and the contents to the views of the features, which import their components from parts.tsx and form.tsx.
 * Invariant: no page has inline code or style, and user input is always rendered as text. A view needs neither locale
 * nor CSRF token as a prop: `useUi()` has them, and `Form` sends the token.
 */
export type { FormProps, PasswordPolicy } from './form.tsx'
export {
  ButtonForm,
  Checkbox,
  Choices,
  Field,
  ForManagers,
  Form,
  NewPasswordFields,
  PasswordField,
  SearchForm,
  Select,
} from './form.tsx'
export { createPages, type PageAsset, type PageContents, type Pages } from './pages.tsx'
export {
  AccountPage,
  Actions,
  Alert,
  Badge,
  Button,
  ButtonLink,
  Card,
  Copyable,
  Definition,
  DefinitionList,
  EmptyState,
  Item,
  ItemList,
  LinkRow,
  Section,
  Time,
  type Within,
  withReturnTo,
} from './parts.tsx'
export { type FormState, fieldTexts, problemText, shownAgain } from './problem-texts.ts'
export { texts } from './texts.ts'
export { type SignedIn, useUi } from './ui.ts'
