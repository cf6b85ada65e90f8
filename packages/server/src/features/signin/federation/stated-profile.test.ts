/** What a provider says of a person becomes the profile of the account that the first sign-in makes; later sign-ins change nothing. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Client } from '../../../testing/client.ts'
import { type Federated, startFederated } from '../../../testing/federation.ts'

let federated: Federated
beforeAll(async () => {
  federated = await startFederated()
  await federated.connect('google', { name: 'Google' })
})
afterAll(() => federated?.stop())

const profileOf = async (client: Client) => (await client.get('/api/v1/users/me')).data.profile

it('is taken once, as far as it has the right form', async () => {
  const user = federated.atGoogle()
  const stated = { given_name: 'Ada', family_name: 'King', picture: 'https://lh3.example.com/a/ada=s96-c' }
  const says = (claims: object) => {
    federated.fakes.provider('google').user = { ...user, ...claims }
  }
  says({ ...stated, gender: 'female', phone_number: '+442079460123' })
  const client = federated.world.client()
  await federated.signIn(client, 'google')
  const made = await profileOf(client)
  expect(made).toMatchObject({ ...stated, gender: null, phone_number: null })
  await federated.me(client)
  const change = { profile: { given_name: 'Augusta', picture: null } }
  expect((await client.patch('/api/v1/users/me', change)).status).toBe(200)
  says({ given_name: 'Eve', family_name: 'Mallory', picture: 'https://lh3.example.com/a/other' })
  const again = federated.world.client()
  await federated.signIn(again, 'google')
  expect(await profileOf(again)).toEqual({ ...made, given_name: 'Augusta', picture: null })
})

it('leaves out what has another form, and makes the account without it', async () => {
  const user = federated.atGoogle()
  federated.fakes.provider('google').user = {
    ...user,
    given_name: 'A'.repeat(101),
    family_name: { text: 'King' },
    picture: 'http://pictures.example.com/ada',
  }
  const client = federated.world.client()
  await federated.signIn(client, 'google')
  expect(Object.values(await profileOf(client)).every((value) => value === null)).toBe(true)
})
