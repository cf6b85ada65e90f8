/** For tests: waiting for what comes to be, however busy the machine. */

/** Waits until something is so; fails after some seconds. */
export async function until(isSo: () => boolean | Promise<boolean>, what = 'it'): Promise<void> {
  for (const end = performance.now() + 15_000; performance.now() < end; ) {
    if (await isSo()) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error(`${what} did not come to be`)
}

/**
 * Fails unless, in one of five trials, something came to be within a second: a busy machine is late now and then,
 * what is found by asking every so often is late always. A trial makes what it takes ready, lets it happen and
 * returns what must come to be; the second begins there.
 */
export async function withinASecond(trial: () => Promise<() => boolean | Promise<boolean>>): Promise<void> {
  const taken: number[] = []
  while (taken.length < 5) {
    const isSo = await trial()
    const began = performance.now()
    await until(isSo)
    const took = performance.now() - began
    if (took < 1000) return
    taken.push(took)
  }
  throw new Error(`it took ${taken.map((ms) => `${Math.round(ms)} ms`).join(', ')}`)
}
