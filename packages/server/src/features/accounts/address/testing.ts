/** For the tests of changes of an address: the requests of a user, and the links of the e-mails. */
import { PASSWORD, type Person, type World } from '../../../testing/world.ts'

export const ME = '/api/v1/users/me/email'

export const addressRequests = (world: () => World) => ({
  request: (person: Person, email: string, password = PASSWORD) =>
    person.client.post(ME, { email, password }),
  confirm: (token: string) => world().client().post('/api/v1/auth/email-change', { token }),
  undo: (token: string) => world().client().post('/api/v1/auth/email-change/undo', { token }),
  signIn: (identifier: string) =>
    world().client().post('/api/v1/auth/login', { username: identifier, password: PASSWORD }),
  confirmToken: (email: string) => world().mailbox.tokenFor(email, /email-change\?/),
  undoToken: (email: string) => world().mailbox.tokenFor(email, /email-change\/undo/),
})
