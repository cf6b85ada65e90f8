/**
 * Form components that work without a script: plain posts with stable field names. The form provides labels, values and
 * errors; a field reads them by its name. A summary at the top links to each field with an error; the field repeats the
 * error and is described by it. Passwords are never displayed again.
 */
import { type ComponentChildren, createContext } from 'preact'
import { useContext } from 'preact/hooks'
import { baseText } from './base-texts.ts'
import { ChallengeField } from './challenge.tsx'
import { Alert, Button, type ButtonKind } from './parts.tsx'
import type { FormState } from './problem-texts.ts'
import { useUi } from './ui.ts'

interface FormContents extends FormState {
  /** Label by field name, in the order of the form. */
  fields: Readonly<Record<string, string>>
}
const FormContext = createContext<FormContents>({ fields: {} })

export interface FormProps extends FormState {
  action: string
  /** Label by field name, in the order of the form: for the fields and for the summary of errors. */
  fields?: Readonly<Record<string, string>>
  /** The address to continue with, sent as `return_to`. */
  returnTo?: string | null | undefined
  /** Further hidden fields. */
  hidden?: Readonly<Record<string, string>>
  class?: string
  /** Attributes that the script reads, of a form that is hidden until it runs. */
  data?: Readonly<Record<`data-${string}`, string>>
  children: ComponentChildren
}

export function Form({ action, fields = {}, returnTo, hidden = {}, data, children, ...rest }: FormProps) {
  const { csrfToken } = useUi()
  const { typed, errors, alert, challenge } = rest
  const hiddenFields = { csrf_token: csrfToken, return_to: returnTo, ...hidden }
  return (
    // the messages of the server are accessible and translated, unlike those of the browser
    <form method="post" action={action} novalidate class={rest.class ?? 'form'} hidden={!!data} {...data}>
      {Object.entries(hiddenFields).map(([name, value]) =>
        value ? <input key={name} type="hidden" name={name} value={value} /> : null,
      )}
      <FormErrors errors={errors} fields={fields} />
      {alert && challenge ? <ChallengeField {...challenge} alert={alert} /> : null}
      {alert && !challenge ? <Alert kind="error">{alert}</Alert> : null}
      <FormContext.Provider value={{ fields, typed, errors }}>{children}</FormContext.Provider>
    </form>
  )
}

/** If a page has this id, `renderPage` begins its title with “Error:”. */
export const ERRORS_ID = 'form-errors'

export function FormErrors({ errors = {}, fields }: Pick<FormContents, 'errors' | 'fields'>) {
  const { locale } = useUi()
  const names = Object.keys(errors)
  if (names.length === 0) return null
  const known = Object.keys(fields)
  names.sort((a, b) => (known.indexOf(a) + 1 || Infinity) - (known.indexOf(b) + 1 || Infinity))
  return (
    <div class="alert error" role="alert" id={ERRORS_ID} tabindex={-1} autofocus>
      <p class="strong">{baseText(locale, 'form_errors', { count: names.length })}</p>
      <ul>
        {names.map((name) => (
          <li key={name}>
            {!Object.hasOwn(fields, name) ? (
              errors[name]
            ) : (
              <a href={`#field-${name}`}>
                {fields[name]}: {errors[name]}
              </a>
            )}
          </li>
        ))}
      </ul>
    </div>
  )
}

/** What browsers and password managers fill in (HTML §4.10.18.7.1). */
type Autocomplete =
  | 'name' | 'given-name' | 'additional-name' | 'family-name' | 'nickname' | 'sex' | 'bday' | 'tel' | 'photo' | 'url'
  | 'street-address' | 'address-level1' | 'address-level2' | 'postal-code' | 'country-name'
  | 'email' | 'username' | 'username webauthn' | 'one-time-code' | 'off' // biome-ignore format: a list

interface FieldProps {
  name: string
  type?: 'text' | 'email' | 'tel' | 'url'
  autocomplete?: Autocomplete
  inputmode?: 'text' | 'email' | 'numeric'
  hint?: ComponentChildren
  /** The value before the user has typed one. */
  value?: string | null | undefined
  optional?: boolean
  autofocus?: boolean
  maxlength?: number
  readonly?: boolean
}

/** The ids and texts that connect label, control, hint and error. */
function useField(name: string, hasHint: boolean) {
  const { fields, errors, typed } = useContext(FormContext)
  const id = `field-${name}`
  const error = errors?.[name]
  const describedBy = [hasHint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(' ')
  return {
    id,
    error,
    label: fields[name] ?? name,
    typed: typed?.[name],
    hasErrors: Object.keys(errors ?? {}).length > 0,
    aria: {
      'aria-describedby': describedBy || undefined,
      'aria-invalid': error ? ('true' as const) : undefined,
    },
  }
}

function Label({ id, optional, children }: { id: string; optional?: boolean; children: ComponentChildren }) {
  const { locale } = useUi()
  return (
    <label for={id}>
      {children} {optional ? <span class="quiet">{baseText(locale, 'optional')}</span> : null}
    </label>
  )
}

const FieldError = ({ id, children }: { id: string; children: ComponentChildren }) =>
  children ? (
    <p class="field-error" id={`${id}-error`}>
      {children}
    </p>
  ) : null

const Hint = ({ id, children }: { id: string; children: ComponentChildren }) =>
  children ? (
    <div class="hint" id={`${id}-hint`}>
      {children}
    </div>
  ) : null

export function Field({ name, type = 'text', hint, value, optional, autofocus, ...rest }: FieldProps) {
  const field = useField(name, hint !== undefined)
  const isName = /name$/.test(rest.autocomplete ?? '') && rest.autocomplete !== 'username'
  return (
    <div class="field">
      <Label id={field.id} optional={optional ?? false}>
        {field.label}
      </Label>
      <Hint id={field.id}>{hint}</Hint>
      <FieldError id={field.id}>{field.error}</FieldError>
      <input
        id={field.id}
        name={name}
        // the JSX types distinguish inputs by a literal type
        type={type as 'text'}
        value={field.typed ?? value ?? ''}
        required={!optional}
        autofocus={Boolean(autofocus) && !field.hasErrors}
        autocapitalize={isName ? 'words' : 'none'}
        spellcheck={false}
        {...rest}
        {...field.aria}
      />
    </div>
  )
}

/** Text of several lines. */
export function TextField({
  name,
  hint,
  value,
  maxlength,
  autocomplete,
  optional = true,
}: Pick<FieldProps, 'name' | 'hint' | 'value' | 'maxlength' | 'autocomplete' | 'optional'>) {
  const field = useField(name, hint !== undefined)
  return (
    <div class="field">
      <Label id={field.id} optional={optional}>
        {field.label}
      </Label>
      <Hint id={field.id}>{hint}</Hint>
      <FieldError id={field.id}>{field.error}</FieldError>
      <textarea
        id={field.id}
        name={name}
        rows={3}
        maxlength={maxlength}
        autocomplete={autocomplete}
        {...field.aria}
      >
        {field.typed ?? value ?? ''}
      </textarea>
    </div>
  )
}

export function PasswordField({
  name,
  autocomplete,
  hint,
  minimum,
  isListed = false,
  autofocus,
}: {
  name: string
  autocomplete: 'current-password' | 'new-password'
  hint?: ComponentChildren
  /** The minimum length of a new password; the script counts down. */
  minimum?: number
  /** The hint lists the rules, and the script marks those that are met instead of counting. */
  isListed?: boolean
  autofocus?: boolean
}) {
  const { locale } = useUi()
  const field = useField(name, hint !== undefined)
  return (
    <div class="field">
      <Label id={field.id}>{field.label}</Label>
      <Hint id={field.id}>{hint}</Hint>
      <FieldError id={field.id}>{field.error}</FieldError>
      <div class="password">
        <input
          id={field.id}
          name={name}
          type="password"
          autocomplete={autocomplete}
          required
          autofocus={Boolean(autofocus) && !field.hasErrors}
          autocapitalize="none"
          spellcheck={false}
          data-minimum={minimum}
          {...field.aria}
        />
        <button
          type="button"
          hidden
          data-toggle={field.id}
          aria-label={baseText(locale, 'show_password', field)}
          data-hide={baseText(locale, 'hide')}
          data-hide-label={baseText(locale, 'hide_password', field)}
        >
          {baseText(locale, 'show')}
        </button>
      </div>
      {minimum === undefined || isListed ? null : (
        <p
          class="hint"
          hidden
          role="status"
          data-counts={field.id}
          data-more={baseText.catalogue[locale]['password.more'] as string}
          data-enough={baseText(locale, 'password.enough')}
        />
      )}
    </div>
  )
}

export interface PasswordPolicy {
  min: number
  max: number
  /** Character classes that must all occur. */
  classes: readonly ('letter' | 'upper' | 'lower' | 'digit' | 'special')[]
  /** Words that must not occur. */
  forbidden: readonly string[]
}

/** A policy of a minimum length alone is a sentence, any other a list of rules. */
const hasRules = ({ max, classes, forbidden }: PasswordPolicy): boolean =>
  max < AMPLE || classes.length > 0 || forbidden.length > 0

/** A maximum length that needs no mention. */
const AMPLE = 128

function PasswordRules({ name, policy }: { name: string; policy: PasswordPolicy }) {
  const { locale } = useUi()
  const { min, max, classes, forbidden } = policy
  return (
    <>
      {baseText(locale, 'password.rules')}
      <ul class="rules" data-rules={`field-${name}`}>
        <li data-rule="length" data-min={min} data-max={max}>
          {max >= AMPLE
            ? baseText(locale, 'password.rule.length', { min })
            : baseText(locale, 'password.rule.lengths', { min, max })}
        </li>
        {classes.map((each) => (
          <li key={each} data-rule={each}>
            {baseText(locale, `password.rule.${each}`)}
          </li>
        ))}
        {forbidden.length > 0 ? (
          <li data-rule="forbidden" data-words={forbidden.join(' ')}>
            {baseText(locale, 'password.rule.forbidden', { words: forbidden.join(', ') })}
          </li>
        ) : null}
      </ul>
    </>
  )
}

/** A new password and its repetition, with the requirements of the policy. */
export function NewPasswordFields({
  name,
  confirm,
  policy,
}: {
  name: string
  confirm: string
  policy: PasswordPolicy
}) {
  const { locale } = useUi()
  const isListed = hasRules(policy)
  const hint = isListed ? (
    <PasswordRules name={name} policy={policy} />
  ) : (
    baseText(locale, 'password.hint', { min: policy.min })
  )
  return (
    <>
      <PasswordField
        name={name}
        autocomplete="new-password"
        hint={hint}
        minimum={policy.min}
        isListed={isListed}
      />
      <PasswordField name={confirm} autocomplete="new-password" />
    </>
  )
}

/** A hidden username, from which password managers find the account; never sent. */
export const ForManagers = ({ account }: { account: string }) => (
  <input type="text" autocomplete="username" value={account} readonly hidden />
)

/** A group of controls with a heading. */
export const Choices = ({
  legend,
  hint,
  children,
}: {
  legend: string
  hint?: string
  children: ComponentChildren
}) => (
  <fieldset>
    <legend>{legend}</legend>
    {hint ? <p class="hint">{hint}</p> : null}
    {children}
  </fieldset>
)

export function Checkbox({
  name,
  value = 'true',
  checked = false,
}: {
  name: string
  /** The value that is sent if the box is ticked. */
  value?: string
  checked?: boolean
}) {
  const field = useField(name, false)
  const { typed } = useContext(FormContext)
  // the values have no entry for an unticked box
  const ticked = typed ? isTicked(typed[name]) : checked
  return (
    <label class="check">
      <input id={field.id} name={name} type="checkbox" value={value} checked={ticked} />
      <span>{field.label}</span>
    </label>
  )
}
const isTicked = (value: string | undefined): boolean =>
  value !== undefined && value !== '' && value !== 'false'

export function Select({
  name,
  hint,
  value,
  options,
}: Pick<FieldProps, 'name' | 'hint'> & {
  value: string | null
  options: Readonly<Record<string, string>>
}) {
  const field = useField(name, hint !== undefined)
  const chosen = field.typed ?? value ?? ''
  return (
    <div class="field">
      <Label id={field.id}>{field.label}</Label>
      <Hint id={field.id}>{hint}</Hint>
      <FieldError id={field.id}>{field.error}</FieldError>
      <select id={field.id} name={name} {...field.aria}>
        {Object.entries(options).map(([key, label]) => (
          <option key={key} value={key} selected={key === chosen}>
            {label}
          </option>
        ))}
      </select>
    </div>
  )
}

/** A form that consists of a button. */
export function ButtonForm({
  kind = 'secondary',
  label,
  description,
  ...form
}: Omit<FormProps, 'children'> & {
  kind?: ButtonKind
  label: string
  description?: string
}) {
  return (
    <Form class="button-form" {...form}>
      <Button kind={kind} {...(description ? { description } : {})}>
        {label}
      </Button>
    </Form>
  )
}
