/** The search form of a list: a GET request, which changes nothing and needs no CSRF token. */
import { Button } from './parts.tsx'

export const SearchForm = ({
  action,
  label,
  value,
  button,
}: {
  action: string
  label: string
  value: string | null
  button: string
}) => (
  <search>
    <form method="get" action={action} class="search">
      <div class="field">
        <label for="field-search">{label}</label>
        <input
          id="field-search"
          name="search"
          type="search"
          value={value ?? ''}
          maxlength={254}
          autocomplete="off"
          autocapitalize="none"
          spellcheck={false}
        />
      </div>
      <Button kind="secondary">{button}</Button>
    </form>
  </search>
)
