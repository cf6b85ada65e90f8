/**
 * The fields of a form that name the attributes in which a provider says who the user is: their schema, their values and their
 * markup, once for the pages of owners and for set-up links. An empty field: the attribute is found by its usual names.
 */
import type { Locale } from '../base/call.ts'
import { optional } from '../base/fields.ts'
import { Choices, Field } from '../base/page/form.tsx'
import { texts, useUi } from '../base/page/index.ts'
import { ConnectionSettings } from './providers/index.ts'

const t = texts({
  en: {
    legend: 'Attributes',
    hint: 'Where the provider says who the user is. Attributes with the usual names are found without an entry; the test sign-in shows what is found.',
    email_attribute: 'Attribute with the e-mail address',
    full_name_attribute: 'Attribute with the name',
    groups_attribute: 'Attribute with the groups',
    subject_attribute: 'Attribute with the permanent ID',
  },
  de: {
    legend: 'Attribute',
    hint: 'Worin der Anbieter die Person beschreibt. Attribute mit üblichen Namen werden ohne Eintrag gefunden; der Test der Anmeldung zeigt, was gefunden wird.',
    email_attribute: 'Attribut mit der E-Mail-Adresse',
    full_name_attribute: 'Attribut mit dem Namen',
    groups_attribute: 'Attribut mit den Gruppen',
    subject_attribute: 'Attribut mit der dauerhaften ID',
  },
})

const { shape } = ConnectionSettings.shape.attributes.unwrap()
type Attribute = keyof typeof shape

const ATTRIBUTES = {
  email_attribute: 'email',
  full_name_attribute: 'full_name',
  groups_attribute: 'groups',
  subject_attribute: 'subject',
} as const satisfies Record<string, Attribute>

export type AttributeField = keyof typeof ATTRIBUTES
export const ATTRIBUTE_FIELDS = Object.keys(ATTRIBUTES) as readonly AttributeField[]

export const attributeShape = {
  email_attribute: optional(shape.email.unwrap()),
  full_name_attribute: optional(shape.full_name.unwrap()),
  groups_attribute: optional(shape.groups.unwrap()),
  subject_attribute: optional(shape.subject.unwrap()),
}

/** The change of `attributes` that a form asks for: an empty field clears, attributes without a field stay. */
export const attributesOfForm = (
  input: Readonly<Partial<Record<AttributeField, string | undefined>>>,
): Record<string, string | null> =>
  Object.fromEntries(ATTRIBUTE_FIELDS.map((field) => [ATTRIBUTES[field], input[field] ?? null]))

/** The values of the fields. */
export const attributeValues = (
  attributes: Readonly<Partial<Record<Attribute, string | undefined>>> = {},
): Record<AttributeField, string> =>
  Object.fromEntries(ATTRIBUTE_FIELDS.map((field) => [field, attributes[ATTRIBUTES[field]] ?? ''])) as Record<
    AttributeField,
    string
  >

export const isAttributeField = (name: string): name is AttributeField => Object.hasOwn(ATTRIBUTES, name)

export const attributeLabel = (locale: Locale, field: AttributeField): string => t(locale, field)

/** The field of the form for a member of `attributes`; null: it has none. */
export const attributeFieldOf = (attribute: string): AttributeField | null =>
  ATTRIBUTE_FIELDS.find((field) => ATTRIBUTES[field] === attribute) ?? null

/** Inside of a form, whose labels contain those of the fields. @param fields default: all */
export function AttributeInputs({
  values,
  fields = ATTRIBUTE_FIELDS,
}: {
  values: Readonly<Record<AttributeField, string>>
  fields?: readonly AttributeField[]
}) {
  const { locale } = useUi()
  return (
    <Choices legend={t(locale, 'legend')} hint={t(locale, 'hint')}>
      {fields.map((field) => (
        <Field key={field} name={field} autocomplete="off" maxlength={300} value={values[field]} optional />
      ))}
    </Choices>
  )
}
