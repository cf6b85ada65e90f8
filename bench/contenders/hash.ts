/** The limit of sign-ins: a process that only verifies passwords with argon2id hashes. */
import { availableParallelism } from 'node:os'
import { hash, verify } from '@node-rs/argon2'

export interface HashOrder {
  seconds: number
  memoryCost: number
  timeCost: number
}
export interface Hashed {
  completed: number
  seconds: number
  /** The concurrency of the server. */
  atOnce: number
}

process.on('message', (order: HashOrder) => void check(order))
process.on('disconnect', () => process.exit(0))
process.send?.({})

async function check({ seconds, memoryCost, timeCost }: HashOrder): Promise<void> {
  const password = 'correct horse battery staple'
  const stored = await hash(password, { memoryCost, timeCost, parallelism: 1 })
  const atOnce = availableParallelism()
  const began = performance.now()
  let completed = 0
  const work = async () => {
    while (performance.now() - began < seconds * 1000) {
      if (!(await verify(stored, password))) throw new Error('the hash does not match')
      completed++
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  process.send?.({ completed, seconds: (performance.now() - began) / 1000, atOnce } satisfies Hashed)
}
