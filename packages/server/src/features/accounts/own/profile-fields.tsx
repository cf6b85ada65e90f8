/** The fields of the profile that few people fill in: folded, unless one of them has an error. Presentation only. */
import { Choices, Field, TextField } from '../../../base/page/form.tsx'
import { type FormState, useUi } from '../../../base/page/index.ts'
import type { UserProfile } from '../../../core/user-profile.ts'
import { accountText as t } from './texts.ts'

/** In the order of the form. */
export const FURTHER_FIELDS = [
  'middle_name', 'nickname', 'gender', 'birthdate', 'zoneinfo', 'phone_number', 'picture', 'profile', 'website',
  'street_address', 'postal_code', 'locality', 'region', 'country', 'formatted',
] as const // biome-ignore format: a list

export function FurtherFields({
  profile,
  errors = {},
}: Pick<FormState, 'errors'> & { profile: UserProfile }) {
  const { locale } = useUi()
  const { address = {} } = profile
  return (
    <details open={FURTHER_FIELDS.some((name) => Object.hasOwn(errors, name))}>
      <summary>{t(locale, 'account.more')}</summary>
      <p class="quiet">{t(locale, 'account.more_lead')}</p>
      <Field name="middle_name" autocomplete="additional-name" value={profile.middle_name} optional />
      <Field name="nickname" autocomplete="nickname" value={profile.nickname} optional />
      <Field name="gender" autocomplete="sex" value={profile.gender} optional />
      <Field
        name="birthdate"
        autocomplete="bday"
        value={profile.birthdate}
        hint={t(locale, 'account.birthdate_hint')}
        optional
      />
      <Field
        name="zoneinfo"
        autocomplete="off"
        value={profile.zoneinfo}
        hint={t(locale, 'account.zoneinfo_hint')}
        optional
      />
      <Field
        name="phone_number"
        type="tel"
        autocomplete="tel"
        value={profile.phone_number}
        hint={t(locale, 'account.phone_hint')}
        optional
      />
      <Field name="picture" type="url" autocomplete="photo" value={profile.picture} optional />
      <Field name="profile" type="url" autocomplete="off" value={profile.profile} optional />
      <Field name="website" type="url" autocomplete="url" value={profile.website} optional />
      <Choices legend={t(locale, 'account.address')}>
        <TextField name="street_address" autocomplete="street-address" value={address.street_address} />
        <Field name="postal_code" autocomplete="postal-code" value={address.postal_code} optional />
        <Field name="locality" autocomplete="address-level2" value={address.locality} optional />
        <Field name="region" autocomplete="address-level1" value={address.region} optional />
        <Field name="country" autocomplete="country-name" value={address.country} optional />
        <TextField name="formatted" autocomplete="off" value={address.formatted} />
      </Choices>
    </details>
  )
}
