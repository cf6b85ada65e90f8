/** The operations of signing out. */
import { operation } from '../../../base/http/row/operation.ts'

export const signOutOperations = {
  signOutForm: operation({
    name: 'pages.sign_out',
    summary: 'Show the form to sign out',
    open: 'users who are signed out see that they are',
    quiet: 'reads only: opening the link does not sign out',
  }),
  signOut: operation({
    name: 'auth.logout',
    summary: 'Sign out',
    needs: 'session',
    anyProof: 'it ends the session itself',
    audit: 'auth.logout',
  }),
  /** The form does not fail for users who are signed out already: its aim is reached. */
  signOutByForm: operation({
    name: 'pages.sign_out.submit',
    summary: 'Sign out',
    open: 'users who are signed out stay signed out',
    audit: 'auth.logout',
  }),
}
