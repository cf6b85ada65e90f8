/** Whether a server has a row. */
import type { World } from '../../packages/server/src/testing/world.ts'

export const hasRow = ({ app }: World, method: string, path: string): boolean =>
  app.rows.some((row) => row.method === method && row.path === path)
