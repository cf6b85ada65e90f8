/** The addresses of the pages of a step-up (signin/step-up): `after` the last proof, the form that waits for it is shown. */
export const STEP_UP_PAGES = {
  prove: '/step-up',
  enrol: '/step-up/enrol',
  after: '/step-up/continue',
} as const
