/** The operations of the sign-in form and of signing out. */
import { operation } from '../../../base/http/row/operation.ts'

export const signInPageOperations = {
  form: operation({
    name: 'pages.sign_in',
    summary: 'Show the sign-in form',
    open: 'users sign in here',
    quiet: 'reads only',
  }),
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
