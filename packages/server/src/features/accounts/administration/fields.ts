/** Fields that the rows about users share. */
import { idInput } from '../../../base/described.ts'

export const TAG = 'People'
export const UserId = idInput('usr', 'The user.')
