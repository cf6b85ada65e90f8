/** The ways in which a user loses what tokens have: each ends them, at once and for good. */
import type { Reply } from './client.ts'
import type { Person } from './world.ts'

export type Lose = (who: Person) => Promise<Reply>

/** @param root an administrator @param role that the user has afterwards where it loses its roles */
export const lossesOf = (root: () => Person, role: string): Readonly<Record<string, Lose>> => ({
  'has other roles': ({ id }) => root().client.put(`/api/v1/users/${id}/roles`, { roles: [role] }),
  'is locked, with sessions that stay': ({ id }) =>
    root().client.post(`/api/v1/users/${id}/lock`, { end_sessions: false }),
  'is disabled': ({ id }) => root().client.post(`/api/v1/users/${id}/disable`),
  'is deleted': ({ id }) => root().client.delete(`/api/v1/users/${id}`),
  'has revoked all tokens': ({ client }) => client.delete('/api/v1/auth/tokens'),
  'has signed out': ({ client }) => client.post('/api/v1/auth/logout'),
  'has withdrawn what the app may': async ({ client }) => {
    const { data } = await client.get('/api/v1/auth/applications')
    return await client.delete(`/api/v1/auth/applications/${data[0]?.id}`)
  },
  'has sessions that an administrator ends': ({ id }) => root().client.delete(`/api/v1/users/${id}/sessions`),
})
