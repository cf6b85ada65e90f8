/**
 * Values that may be there already. A check that memory answers returns its result, one that needs the database a promise:
 * a request that is answered from memory does not wait for a turn of the event loop, or pay for a promise, at each of its
 * steps.
 */
export type Eventual<T> = T | Promise<T>

/** Continues with the value: immediately, or when it is there. Throws, or rejects, as `next` and the promise do. */
export const whenReady = <T, R>(value: Eventual<T>, next: (value: T) => Eventual<R>): Eventual<R> =>
  value instanceof Promise ? value.then(next) : next(value)
