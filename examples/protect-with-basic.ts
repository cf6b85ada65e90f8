/** HTTP Basic authentication, for tools and tests, over https. Passwords are hashed with scrypt of node:crypto. */
import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto'
import { basic, createGuard, principalOf } from '@latchkey/guard'
import express from 'express'
import { port, show } from './try.ts'

const COST: ScryptOptions = { N: 16_384, r: 8, p: 1 }
const derive = (password: string, salt: Buffer): Promise<Buffer> =>
  new Promise((resolve, reject) =>
    scrypt(password, salt, 32, COST, (error, key) => (error ? reject(error) : resolve(key))),
  )

interface Person {
  id: number
  username: string
  email: string
  role: string
  salt: Buffer
  hash: Buffer
}
const salt = randomBytes(16)
const ada: Person = {
  id: 1,
  username: 'ada',
  email: 'ada@example.com',
  role: 'admin',
  salt,
  hash: await derive('lovelace', salt),
}
// for unknown names, so that the response time does not reveal whether an account exists
const dummy = { salt: randomBytes(16), hash: randomBytes(32) }

const guard = createGuard({
  methods: [
    basic<Person>({
      find: (name) => [ada].find(({ username, email }) => username === name || email === name),
      check: async (person, password) => {
        const known = person ?? dummy
        return timingSafeEqual(await derive(password, known.salt), known.hash)
      },
    }),
  ],
})

const app = express()
app.post('/auth/login', guard.loginHandler().express)
app.get('/me', guard.express(), (req, res) => void res.json({ hello: principalOf(req)?.username }))
app.delete('/everything', guard.express({ roles: ['owner'] }), (_req, res) => void res.json({ gone: true }))
const server = app.listen(port, '127.0.0.1', () =>
  show(server, [
    '-u ada:lovelace URL/me # 200',
    '-u ada@example.com:lovelace URL/me # 200',
    '-u ada:wrong URL/me # 401',
    '-u bob:lovelace URL/me # 401',
    '-u ada:lovelace -X POST URL/auth/login # 200',
    '-u ada:lovelace -X DELETE URL/everything # 403',
  ]),
)
