/** A client of Redis for tests that look at what is in it, or change how it runs. */
import { Redis } from 'ioredis'

export type RedisClient = Redis

/** Errors of the connection are those of each command. */
export const openRedisClient = (url: string, password?: string): RedisClient =>
  new Redis(url, password === undefined ? {} : { password }).on('error', () => {})
