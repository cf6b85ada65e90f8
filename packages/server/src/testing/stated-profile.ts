/** A profile with every field that a user may state (OpenID Connect Core §5.1). */
export const STATED = {
  given_name: 'Augusta Ada',
  middle_name: 'Byron',
  family_name: 'King',
  nickname: 'Ada',
  gender: 'female',
  birthdate: '1815-12-10',
  zoneinfo: 'Europe/London',
  phone_number: '+442079460123',
  picture: 'https://example.com/ada.jpg',
  profile: 'https://example.com/ada',
  website: 'https://ada.example.com',
  address: {
    formatted: '12 St James’s Square\nLondon\nUnited Kingdom',
    street_address: '12 St James’s Square',
    locality: 'London',
    region: 'England',
    postal_code: 'SW1Y 4JH',
    country: 'United Kingdom',
  },
}
