/** For the table of states: one situation, what a list or a page says of it, and what enforcement does. */
import { expect } from 'vitest'
import type { Json } from '../../packages/server/src/testing/client.ts'
import { PASSWORD, type Person, startWorld, type World } from '../../packages/server/src/testing/world.ts'

export interface Observation {
  situation: string
  /** Whether it is shown as usable. */
  shown: boolean
  /** Whether it is usable. */
  enforced: boolean
}

export interface Scene {
  world: World
  /** A new administrator, signed in: earlier ones are too old when the clock has moved. */
  root(): Promise<Person>
  /** A new user, signed in. */
  person(): Promise<Person>
  signsIn(who: Person, password?: string): Promise<boolean>
  /** Whether the credential is accepted as a bearer. */
  accepts(credential: string): Promise<boolean>
  /** A new session. @returns its id and its token */
  session(who: Person, more?: object): Promise<{ id: string; token: string; access_token?: string }>
}

export async function startScene(): Promise<Scene> {
  const world = await startWorld({
    compat: ['tokens-by-password'],
    passwordProfile: 'classic',
    rateLimits: 'off',
  })
  const login = (who: Person, password: string, more: object = {}) =>
    world.client().post('/api/v1/auth/login', { username: who.email, password, ...more })
  return {
    world,
    async root() {
      const [root] = await world.people([{ roles: ['super_admin'], password: SCENE_PASSWORD }])
      if (!root) throw new Error('no administrator')
      return root
    },
    person: () => world.person({ password: SCENE_PASSWORD }),
    signsIn: async (who, password = SCENE_PASSWORD) => (await login(who, password)).status === 200,
    accepts: async (credential) =>
      (
        await world
          .client()
          .get('/api/v1/auth/validate', { headers: { authorization: `Bearer ${credential}` } })
      ).status === 200,
    async session(who, more = {}) {
      const { data } = await login(who, SCENE_PASSWORD, more)
      return { id: data.session.id, token: data.token, access_token: data.access_token }
    },
  }
}

/** One that every profile accepts. */
export const SCENE_PASSWORD = `Tr0ub4d!or ${PASSWORD}`

/** Both states occur, and in every situation the one that is shown is the one that is enforced. */
export function expectAgreement(observations: readonly Observation[]): void {
  expect(observations.filter(({ shown, enforced }) => shown !== enforced)).toEqual([])
  expect(new Set(observations.map(({ shown }) => shown))).toEqual(new Set([true, false]))
}

/** Whether a list has an entry that passes the test. */
export const lists = (list: Json, test: (entry: Json) => boolean): boolean => (list as Json[]).some(test)
