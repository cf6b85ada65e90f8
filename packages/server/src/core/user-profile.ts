/**
 * The profile of a user: the standard claims of OpenID Connect Core §5.1 besides the name, the username, the locale and the e-mail
 * address, which are the user's own columns. One schema for all who write it: users, administrators, imports and identity
 * providers. Every field is bounded and has the form that §5.1 demands; none is verified by this server, and no address in it is
 * ever requested.
 */
import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import { described } from '../base/described.ts'
import { line, lines } from '../base/fields.ts'

/** An issue with a stable code, by which pages translate it. */
const coded = (code: string, message: string) => ({ message, params: { code } })

const trimmed = (max: number) =>
  z
    .string()
    .max(max)
    .transform((text) => text.trim())

/** §5.1: a date, one without its year (`0000-12-10`), or a year alone. */
const Birthdate = trimmed(40).pipe(
  z
    .string()
    .min(1)
    .refine(isBirthdate, coded('birthdate', 'Write the date as 1815-12-10, 0000-12-10 or 1815.')),
)

function isBirthdate(text: string): boolean {
  const [, year = '', , month, day] = /^(\d{4})(-(\d\d)-(\d\d))?$/.exec(text) ?? []
  if (month === undefined) return year !== '' && year !== '0000'
  const date = new Date(0)
  // of the year that is not stated, the 29th of February may be
  date.setUTCFullYear(year === '0000' ? 2000 : Number(year), Number(month) - 1, Number(day))
  return date.getUTCMonth() === Number(month) - 1 && date.getUTCDate() === Number(day)
}

/** A name of the time zone database. `Intl` also knows offsets, which are no names, and names in any case. */
const TimeZone = trimmed(100)
  .transform((name) => zoneOf(name) ?? name)
  .pipe(
    z
      .string()
      .min(1)
      .refine((name) => zoneOf(name) === name, coded('zoneinfo', 'Write a time zone such as Europe/London.')),
  )

/** @returns the name as the database writes it, or an alias as it was sent; null for no time zone */
function zoneOf(name: string): string | null {
  if (!/^[A-Z]\w*(?:[+-]\w+)*(?:\/[A-Z]\w*(?:[+-]\w+)*)*$/i.test(name)) return null
  try {
    const { timeZone } = new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions()
    if (timeZone.toLowerCase() === name.toLowerCase()) return timeZone
    return /^[A-Z]/.test(name) && !/\/[a-z]/.test(name) ? name : null
  } catch {
    return null
  }
}

/** A page or a picture of the user. It is shown and handed on, and never requested. */
const WebAddress = trimmed(2000).pipe(
  z.string().min(1).max(1000).refine(isWebAddress, coded('url', 'Write an https URL.')),
)

function isWebAddress(text: string): boolean {
  if (!/^https:\/\/[\x21-\x7e]+$/i.test(text) || /["'<>`\\]/.test(text) || !URL.canParse(text)) return false
  const { username, password } = new URL(text)
  return username === '' && password === ''
}

/** E.164: people also write spaces, hyphens and brackets, and the zero that is dialled within their country. */
const PhoneNumber = trimmed(60)
  .transform((text) => text.replaceAll(/\(0\)|[\s()./\u00a0\u2010-\u2013-]/g, ''))
  .pipe(
    z
      .string()
      .min(1)
      .refine(
        (text) => /^\+[1-9]\d{5,14}$/.test(text),
        coded('phone_number', 'Write the number with + and the country code.'),
      ),
  )

interface ProfileText {
  schema: z.ZodType<string, string>
  about: string
  sample: string
}
const of = (schema: ProfileText['schema'], about: string, sample: string): ProfileText => ({
  schema,
  about,
  sample,
})

/** The fields that are texts, in the order of forms. */
export const PROFILE_TEXTS = {
  given_name: of(line(100), 'The given names.', 'Augusta Ada'),
  middle_name: of(line(100), 'The middle names.', 'Byron'),
  family_name: of(line(100), 'The family names.', 'King'),
  nickname: of(line(100), 'What others call the person.', 'Ada'),
  gender: of(line(50), 'The gender, `female`, `male` or any other text.', 'female'),
  birthdate: of(
    Birthdate,
    'The birthday: `1815-12-10`, `0000-12-10` without its year, or `1815`.',
    '1815-12-10',
  ),
  zoneinfo: of(TimeZone, 'The time zone, by its name in the time zone database.', 'Europe/London'),
  phone_number: of(PhoneNumber, 'The telephone number (E.164), which nothing verifies.', '+442079460123'),
  picture: of(WebAddress, 'The https URL of a picture.', 'https://example.com/ada.jpg'),
  profile: of(WebAddress, 'The https URL of a page about the person.', 'https://example.com/ada'),
  website: of(WebAddress, 'The https URL of the person’s own pages.', 'https://ada.example.com'),
} as const satisfies Record<string, ProfileText>
export type ProfileTextName = keyof typeof PROFILE_TEXTS

/** The members of an address (§5.1.1). */
export const ADDRESS_TEXTS = {
  formatted: of(
    lines(500),
    'The whole address as on a label, on several lines.',
    '12 St James’s Square\nLondon',
  ),
  street_address: of(
    lines(200),
    'Street and house number, on several lines where needed.',
    '12 St James’s Square',
  ),
  locality: of(line(100), 'The city or place.', 'London'),
  region: of(line(100), 'The state, province or region.', 'England'),
  postal_code: of(line(20), 'The postal code.', 'SW1Y 4JH'),
  country: of(line(100), 'The country.', 'United Kingdom'),
} as const satisfies Record<string, ProfileText>
export type AddressTextName = keyof typeof ADDRESS_TEXTS

type Sent = z.ZodOptional<z.ZodNullable<z.ZodType<string, string>>>
const sent = <Name extends string>(texts: Readonly<Record<Name, ProfileText>>) =>
  mapped(
    texts,
    ({ schema, about, sample }): Sent =>
      described(schema.nullable().optional(), `${about} Null removes it.`, sample),
  )
const shown = <Name extends string>(texts: Readonly<Record<Name, ProfileText>>) =>
  mapped(texts, ({ about, sample }) =>
    described(z.string().nullable(), `${about} Null: it is not known.`, sample),
  )

function mapped<Name extends string, To>(
  texts: Readonly<Record<Name, ProfileText>>,
  to: (text: ProfileText) => To,
): Record<Name, To> {
  const entries = Object.entries<ProfileText>(texts).map(([name, text]) => [name, to(text)])
  return Object.fromEntries(entries) as Record<Name, To>
}

/** A change: only what is sent is changed, in the address too. */
export const ProfileInput = z.object({
  ...sent(PROFILE_TEXTS),
  address: described(
    z.object(sent(ADDRESS_TEXTS)).nullable().optional(),
    'The postal address: only the members that are sent are changed, and null removes all of it.',
  ),
})
export type ProfileInput = z.infer<typeof ProfileInput>

type Texts<Name extends string> = { [name in Name]?: string }
/** As it is stored: what is not known is absent. */
export interface UserProfile extends Texts<ProfileTextName> {
  address?: Texts<AddressTextName>
}

/** The profile after a change. */
export function changedProfile(before: UserProfile, { address, ...texts }: ProfileInput): UserProfile {
  const { address: former, ...others } = before
  const next = address === undefined ? former : address === null ? {} : stated({ ...former, ...address })
  return {
    ...stated({ ...others, ...texts }),
    ...(next && Object.keys(next).length > 0 && { address: next }),
  }
}

/** What has a value; without members that a newer version may have written beside ours nothing is lost. */
const stated = (texts: Readonly<Record<string, string | null | undefined>>): Record<string, string> =>
  Object.fromEntries(Object.entries(texts).flatMap(([name, text]) => (text == null ? [] : [[name, text]])))

/** The names of what differs, for the audit log. */
export const differingFields = (before: UserProfile, after: UserProfile): string[] =>
  [...Object.keys(PROFILE_TEXTS), 'address'].flatMap((name) => {
    const [former, next] = [before, after].map((profile) => profile[name as keyof UserProfile])
    return isDeepStrictEqual(former, next) ? [] : [`profile.${name}`]
  })

type SaidTexts<Name extends string> = Readonly<Partial<Record<Name, unknown>>>

/** Of what another system says of a user: what has the right form, and the names of what has not. */
export function readProfile({
  address = {},
  ...texts
}: SaidTexts<ProfileTextName> & { address?: SaidTexts<AddressTextName> | undefined }): {
  profile: UserProfile
  refused: string[]
} {
  const own = readTexts(PROFILE_TEXTS, texts)
  const ofAddress = readTexts(ADDRESS_TEXTS, address)
  const hasAddress = Object.keys(ofAddress.valid).length > 0
  return {
    profile: { ...own.valid, ...(hasAddress && { address: ofAddress.valid }) },
    refused: [...own.refused, ...ofAddress.refused.map((name) => `address.${name}`)],
  }
}

function readTexts<Name extends string>(texts: Readonly<Record<Name, ProfileText>>, said: SaidTexts<Name>) {
  const valid: Texts<Name> = {}
  const refused: Name[] = []
  for (const name of Object.keys(texts) as Name[]) {
    const value = said[name]
    if (value === undefined || value === null || value === '') continue
    const { data } = texts[name].schema.safeParse(value)
    if (data === undefined) refused.push(name)
    else valid[name] = data
  }
  return { valid, refused }
}

/** What the later one states otherwise, as a change of the former. */
export function profileDifferences(
  former: UserProfile,
  { address = {}, ...texts }: UserProfile,
): ProfileInput {
  const otherThan = <T extends object>(before: T, next: T): Partial<T> =>
    Object.fromEntries(
      Object.entries(next).filter(([name, value]) => before[name as keyof T] !== value),
    ) as Partial<T>
  const { address: formerAddress = {}, ...others } = former
  return { ...otherThan(others, texts), address: otherThan(formerAddress, address) }
}

/** The profile in answers. */
export const ProfileView = z
  .object({
    ...shown(PROFILE_TEXTS),
    address: described(
      z.object(shown(ADDRESS_TEXTS)).nullable(),
      'The postal address. Null: it is not known.',
    ),
  })
  .meta({ id: 'Profile' })
export type ProfileView = z.infer<typeof ProfileView>

export const profileView = ({ address, ...texts }: UserProfile): ProfileView => ({
  ...mapped(PROFILE_TEXTS, () => null),
  ...texts,
  address: address ? { ...mapped(ADDRESS_TEXTS, () => null), ...address } : null,
})
