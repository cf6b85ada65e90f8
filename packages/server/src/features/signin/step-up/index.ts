/**
 * Step-up: proving something further in a session, before something sensitive. Owns `POST auth/step-up`, the page
 * `/step-up`, and the form that waits for it. Leaves the attempt and its proofs to `door` and `second-factor`, and who
 * requires a step-up to the rows of the route table.
 */
export { stepUpFeature } from './feature.ts'
export { stepUpBeginner } from './held-forms.ts'
