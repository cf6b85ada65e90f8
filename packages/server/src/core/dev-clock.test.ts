/** `POST /dev/clock` of the testing profile. */
import { expect, it } from 'vitest'
import { startWorld } from '../testing/world.ts'

it('answers with the time that it has set, in the envelope too', async () => {
  const world = await startWorld()
  try {
    const { data, body } = await world.client().post('/dev/clock', { advance: '31m' })
    expect(body.metadata.timestamp).toBe(data.now)
  } finally {
    await world.stop()
  }
})
