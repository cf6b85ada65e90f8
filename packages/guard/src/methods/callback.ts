/** Shared by methods with callbacks: conversion of a record to a principal, and of a thrown error to a problem. */
import { fieldsOf, makePrincipal, type Principal, type PrincipalFields } from '../principal.ts'
import { asProblem, type Problem } from '../problem.ts'

/** A value, or a promise of it. */
export type Awaitable<T> = T | Promise<T>

/** Converts the record that a callback returned to a principal. The default reads the common names of a record. */
export type ToPrincipal<R> = (record: R) => PrincipalFields

export const principalOfRecord = <R>(
  record: R,
  method: string,
  toPrincipal: ToPrincipal<R> | undefined,
): Principal => makePrincipal(toPrincipal ? toPrincipal(record) : fieldsOf(record), method, record)

/** Runs a callback; anything that it throws becomes a problem. */
export async function guarded<T>(work: () => Awaitable<T>): Promise<T | Problem> {
  try {
    return await work()
  } catch (error) {
    return asProblem(error)
  }
}
