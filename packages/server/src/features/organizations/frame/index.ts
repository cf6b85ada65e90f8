/**
 * The frame of the hosted pages of this wing: name and navigation of one organization, notices, refused forms,
 * pagination, and the forms and icons that pages of several modules show. Decides nothing: the rules judge every
 * request again, whatever a page offers.
 */
export { frameOf, pagerOf, refusedForm, shownFor, titleOf } from './frame.ts'
export { noticeText, PageNotice } from './texts.ts'
export {
  ActivateForm,
  Icon,
  mayOpen,
  NameForm,
  OrganizationPage,
  Pager,
  placeOf,
  type Shell,
} from './views.tsx'
