/**
 * Forms that run a ceremony of WebAuthn and send its answer as the field `credential` (passkey-script.ts). Such a form is
 * hidden until the script has found that the browser knows passkeys; a page that has nothing else says so in `Without`.
 */
import type { ComponentChildren } from 'preact'
import { baseText } from './base-texts.ts'
import { Form, type FormProps } from './form.tsx'
import { Button, type ButtonKind } from './parts.tsx'
import { useUi } from './ui.ts'

export interface CeremonyProps {
  ceremony: 'create' | 'get'
  /** The options of the ceremony, or the route that answers them. */
  options: object | { begin: string }
  /** The browser also offers passkeys in the fields of the page. */
  autofill?: boolean
}

/** The attributes of the form. */
export const ceremonyData = ({
  ceremony,
  options,
  autofill = false,
}: CeremonyProps): NonNullable<FormProps['data']> => ({
  'data-passkey': ceremony,
  ...('begin' in options ? { 'data-begin': options.begin } : { 'data-options': JSON.stringify(options) }),
  ...(autofill && { 'data-autofill': '' }),
})

/** The script of a page with passkeys; a module, which a page runs once. */
export const PasskeyScript = () => <script type="module" src={useUi().passkeyScript} />

/** The fields of the form: the answer, and what to say where there is none. */
export function CeremonyFields() {
  const { locale } = useUi()
  return (
    <>
      <PasskeyScript />
      <input type="hidden" name="credential" value="" />
      <p
        class="alert error"
        role="alert"
        hidden
        data-failed={baseText(locale, 'passkey.failed')}
        data-known={baseText(locale, 'passkey.known')}
      />
    </>
  )
}

export const PasskeyForm = ({
  ceremony,
  options,
  autofill = false,
  kind = 'primary',
  label,
  children,
  ...form
}: Omit<FormProps, 'children' | 'data'> &
  CeremonyProps & { kind?: ButtonKind; label: string; children?: ComponentChildren }) => (
  <Form {...form} data={ceremonyData({ ceremony, options, autofill })}>
    {children}
    <CeremonyFields />
    <Button kind={kind}>{label}</Button>
  </Form>
)

/** Shown while no script runs, and in browsers that do not know passkeys. */
export const Without = ({ children }: { children: ComponentChildren }) => (
  <div data-without-passkeys>{children}</div>
)
