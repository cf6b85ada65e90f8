/** The page of the settings: what is done at the provider, what is entered there, and the form of what comes back. */
import { Fragment } from 'preact'
import { Field, Form, PasswordField, TextField } from '../../../base/page/form.tsx'
import { type FormState, useUi } from '../../../base/page/index.ts'
import { Button, Copyable, Definition, DefinitionList, Section } from '../../../base/page/parts.tsx'
import {
  type AttributeField,
  AttributeInputs,
  attributeLabel,
  attributeValues,
  isAttributeField,
} from '../../../core/connection-attributes.tsx'
import { LONGEST_METADATA } from '../../../core/connections/fields.ts'
import { type ConnectionSetupForm, setupFieldsOf, setupValues } from './form.ts'
import { stepText } from './provider-texts.ts'
import { SetupPage, type SetupState, stepPath } from './steps.tsx'
import { setupText as t } from './texts.ts'

type Ready = Parameters<typeof setupFieldsOf>[0]
type FieldName = keyof ConnectionSetupForm

/** What is registered at the provider. */
export interface Addresses {
  redirect: string
  entityId: string
  acs: string
  metadata: string
}

/** With room for several lines. */
const LONG: ReadonlySet<FieldName> = new Set(['metadata_xml', 'certificate'])
/** Before these fields of SAML another way begins to enter the same. */
const WAYS: ReadonlySet<FieldName> = new Set(['metadata_xml', 'entity_id'])

/** …/settings */
export function SetupSettings({
  opened,
  ready,
  addresses,
  ...form
}: FormState & Pick<SetupState, 'opened'> & { ready: Ready; addresses: Addresses }) {
  const { locale } = useUi()
  const { choice } = ready
  const isSaml = choice.kind === 'saml'
  const registered = isSaml
    ? ([
        ['values.entity_id', addresses.entityId],
        ['values.acs', addresses.acs],
        ['values.metadata', addresses.metadata],
      ] as const)
    : ([['values.redirect', addresses.redirect]] as const)
  return (
    <SetupPage opened={opened} current="settings">
      <Section title={t(locale, 'steps.title', { choice: choiceName(locale, choice.id) })}>
        <ol class="plain">
          {[1, 2, 3, 4].map((n) => (
            <li key={n}>{stepText.find(locale, `${choice.id}.${n}`)}</li>
          ))}
        </ol>
        <h3>{t(locale, 'values.title')}</h3>
        <DefinitionList>
          {registered.map(([key, value]) => (
            <Definition key={key} term={t(locale, key)}>
              <Copyable id={key.replace('.', '-')} value={value} />
            </Definition>
          ))}
        </DefinitionList>
      </Section>
      <Section
        title={t(locale, 'settings.title')}
        lead={t(locale, isSaml ? 'settings.lead_saml' : 'settings.lead')}
      >
        <SettingsForm action={stepPath(opened.token, 'settings')} ready={ready} {...form} />
      </Section>
    </SetupPage>
  )
}

const choiceName = (locale: Parameters<typeof t>[0], id: string): string =>
  t.find(locale, `choice.${id}`) ?? id

function SettingsForm({ action, ready, ...form }: FormState & { action: string; ready: Ready }) {
  const { locale } = useUi()
  const { choice, connection } = ready
  const fields = setupFieldsOf(ready)
  const own = fields.flatMap(({ name, isNeeded }) => (isAttributeField(name) ? [] : [{ name, isNeeded }]))
  const attributes = fields.map(({ name }) => name).filter(isAttributeField)
  const presets = connection.version === 1 ? choice.attributes : {}
  const values = attributeValues({ ...presets, ...connection.settings.attributes })
  const { errors = {}, typed } = form
  const isOpen = attributes.some(
    (name) => errors[name] !== undefined || (typed !== undefined && (typed[name] ?? '') !== values[name]),
  )
  return (
    <Form
      action={action}
      fields={Object.fromEntries(
        fields.map(({ name }) => [
          name,
          isAttributeField(name) ? attributeLabel(locale, name) : t(locale, `field.${name}`),
        ]),
      )}
      {...form}
    >
      {own.map(({ name, isNeeded }) => (
        <Fragment key={name}>
          {WAYS.has(name) ? <p class="or">{t(locale, 'settings.or')}</p> : null}
          <SetupField name={name} isNeeded={isNeeded} ready={ready} isAgain={typed !== undefined} />
        </Fragment>
      ))}
      {attributes.length === 0 ? null : (
        <details open={isOpen}>
          <summary>{t(locale, 'settings.attributes')}</summary>
          <AttributeInputs values={values} fields={attributes} />
        </details>
      )}
      <Button>{t(locale, 'settings.button')}</Button>
    </Form>
  )
}

interface SetupFieldProps {
  name: Exclude<FieldName, AttributeField>
  isNeeded: boolean
  ready: Ready
  /** Whether the form was refused: a secret is never shown again. */
  isAgain: boolean
}

function SetupField({ name, isNeeded, ready, isAgain }: SetupFieldProps) {
  const { locale } = useUi()
  const secret = ready.connection.hasSecret
    ? 'settings.secret_kept'
    : isAgain
      ? 'settings.secret_again'
      : null
  if (name === 'client_secret')
    return (
      <PasswordField
        name={name}
        autocomplete="new-password"
        {...(secret !== null && { hint: t(locale, secret) })}
      />
    )
  const hint = t.find(locale, `hint.${name}`)
  const common = { name, value: setupValues(ready)[name] ?? '', ...(hint !== null && { hint }) }
  if (LONG.has(name)) return <TextField {...common} maxlength={LONGEST_METADATA} />
  return <Field {...common} autocomplete="off" maxlength={1024} optional={!isNeeded} />
}
